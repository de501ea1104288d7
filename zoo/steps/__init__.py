"""What a convolution unit is made of: each step a function, registered under the name that methods give it."""

from larq_el.zoo.steps import activations, convs, links, norms, scales
from larq_el.zoo.steps.site import CONVOLVING, STEPS, Conv, Site, pair, step

__all__ = ["CONVOLVING", "STEPS", "Conv", "Site", "activations", "convs", "links", "norms", "pair", "scales", "step"]
