"""The float32 twin of a mixed-precision model: the same layers and weights, computed in float32."""

from typing import Any

from larq_el.errors import UserError, first_line
from larq_el.introspection import leaf_layers

LOWER = frozenset({"mixed_float16", "mixed_bfloat16", "float16", "bfloat16"})
"""Policies and types that TFLite has no operators for."""


def in_float32(model: Any) -> Any:
    """The model itself where it computes in float32, its float32 twin otherwise.

    Mixed precision keeps its weights in float32, so that the twin computes with the very same ones.

    # Arguments
        model: a `tf.keras.Model`.

    # Raises
        ValueError: where the model cannot be built again from its configuration.

    >>> from larq_el._keras import keras
    >>> image = keras.Input((4, 4, 3))
    >>> model = keras.Model(image, keras.layers.Conv2D(8, 1, dtype="mixed_float16")(image))
    >>> in_float32(model).output.dtype
    tf.float32
    """
    used = _lower(model)
    if not used:
        return model
    reason = "its layers choose their own types"
    try:
        twin = type(model).from_config(_replaced(model.get_config()))
        twin.set_weights([values.astype("float32") for values in model.get_weights()])
        if not _lower(twin):
            return twin
    except Exception as error:  # models of one's own raise what they like
        reason = first_line(error)
    raise UserError(
        f"{model.name!r} computes in {used.pop()} and cannot be built again in float32 ({reason}); build it under the "
        "float32 policy and load its weights."
    )


def _lower(model: Any) -> set[str]:
    return {layer.dtype_policy.name for layer in leaf_layers(model)} & LOWER


def _replaced(config: Any) -> Any:
    """A configuration with float32 in the place of every lower type."""
    if isinstance(config, dict):
        return {key: _replaced(value) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(map(_replaced, config))
    return "float32" if isinstance(config, str) and config in LOWER else config
