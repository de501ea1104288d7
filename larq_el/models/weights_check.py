"""Refuses models whose numbers cannot be computed with."""

from typing import Any

import numpy as np

from larq_el.errors import UserError
from larq_el.introspection import leaf_layers


def check_finite(model: Any) -> None:
    """Refuses weights that are no numbers, with the name of their layer.

    # Arguments
        model: a `tf.keras.Model`.

    # Raises
        ValueError: where a weight is NaN or infinite.
    """
    for layer in leaf_layers(model):
        for weight, values in zip(layer.weights, layer.get_weights(), strict=True):
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                kind = "NaN" if np.isnan(values).any() else "an infinite value"
                raise UserError(
                    f"weight {weight.name.split('/')[-1].split(':')[0]!r} of layer {layer.name!r} holds {kind}: its "
                    "training diverged, or the file is damaged; take an earlier checkpoint."
                )


def check_not_empty(model: Any) -> None:
    """Refuses layers that compute nothing, with their name.

    # Arguments
        model: a `tf.keras.Model`.

    # Raises
        ValueError: where a layer's output or one of its weights has a size of 0.
    """
    for layer in leaf_layers(model):
        outputs = getattr(layer, "output", None) if layer.inbound_nodes else None
        shapes = [*(outputs if isinstance(outputs, list) else [outputs]), *layer.weights]
        known = (tensor.shape for tensor in shapes if getattr(getattr(tensor, "shape", None), "rank", None) is not None)
        for shape in map(tuple, known):
            if 0 in shape:
                raise UserError(
                    f"layer {layer.name!r} has a size of 0, its shape is {shape}: give it at least one filter and an "
                    "image of at least one pixel."
                )
