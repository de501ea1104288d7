"""Mixed precision: float16 or bfloat16 where that leaves sums of signs exact."""

import math
from typing import Any

from larq_el._keras import Layer, Model, keras
from larq_el.introspection import has_binary_kernel
from larq_el.levels import rebuilt

EXACT = {"mixed_bfloat16": 1 << 8, "mixed_float16": 1 << 11}
"""The largest integer up to which each type has all of them: a longer sum of signs would be rounded."""


def in_precision(model: Model, policy: str, *, synchronized: bool = False) -> Model:
    """A network like `model`, of the same weights, that computes in mixed precision.

    Binary convolutions whose sums the type cannot hold exactly, and those with a factor in their kernel, stay in
    float32, as do BatchNorm's statistics (Keras's) and the layers that were given a type of their own.

    # Arguments
        model: a functional or sequential `tf.keras.Model` in float32.
        policy: "float32", "mixed_bfloat16" or "mixed_float16".
        synchronized: whether BatchNorms take the statistics of all replicas together.
    """

    def change(layer: Layer, config: dict[str, Any]) -> dict[str, Any]:
        if synchronized and type(layer) is keras.layers.BatchNormalization:
            config = {**config, "synchronized": True}
        if policy == "float32" or (has_binary_kernel(layer) and not _is_exact(layer, policy)):
            return config
        own = layer is model.layers[-1]  # probabilities: small ones would be lost
        return config if own else _with_type(config, policy)

    return rebuilt(model, change)


def _with_type(config: dict[str, Any], policy: str) -> dict[str, Any]:
    """A layer's configuration with another type, for its quantizers too: Larq's are layers of their own."""
    changed = {**config, "dtype": policy}
    for name, value in config.items():
        if name.endswith("_quantizer") and isinstance(value, dict) and isinstance(value.get("config"), dict):
            changed[name] = {**value, "config": {**value["config"], "dtype": policy}}
    return changed


def _is_exact(layer: Layer, policy: str) -> bool:
    kernel = getattr(layer, "kernel", None)
    if kernel is None:
        kernel = layer.depthwise_kernel
        fan_in = math.prod(kernel.shape[:2])
    else:
        fan_in = math.prod(kernel.shape[:-1])
    quantizer = getattr(layer, "kernel_quantizer", None) or getattr(layer, "depthwise_quantizer", None)
    return type(quantizer).__name__ == "SteSign" and fan_in <= EXACT[policy]
