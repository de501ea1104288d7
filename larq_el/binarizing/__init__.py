"""Any Keras model made binary: `larq_el.binarize`.

A model is read as a graph of calls (`graph`) and brought to one form (`canonical`); what surrounds each convolution
(`analysis`, `operators`) says its role, or why it stays float (`roles`). Activations (`activations`) and shortcuts
(`shortcuts`) are settled, units take their places (`units`, `carried`), and the new model starts from the float
weights (`latent`). `plan` tells of it before the deed.
"""

from larq_el.binarizing.binarize import LATENT_SCALE, Plan, binarize

__all__ = ["LATENT_SCALE", "Plan", "binarize"]
