"""Any Keras model made binary: `larq_el.binarize`.

A model is read as a graph of calls (`graph`) and brought to one form (`canonical`); what surrounds each convolution
(`analysis`, `operators`) says its role, or why it stays float (`roles`). Activations (`activations`) and shortcuts
(`shortcuts`) are settled, units take their places (`units`, `carried`), and the new model starts from the float
weights (`latent`). `plan` tells of it before the deed, `signs` whether it lives.
"""

from larq_el.binarizing.binarize import binarize
from larq_el.binarizing.latent import LATENT_SCALE
from larq_el.binarizing.plan import Plan
from larq_el.binarizing.signs import Signs, signs_of

__all__ = ["LATENT_SCALE", "Plan", "Signs", "binarize", "signs_of"]
