"""Activations."""

from typing import Any

from larq_el._keras import keras
from larq_el.layers import ChannelBias
from larq_el.zoo.steps.site import Site, step


@step("relu")
def relu(y: Any, site: Site) -> Any:
    """max(0, y)."""
    return keras.layers.Activation("relu", name=f"{site.conv.name}_relu")(y)


@step("hard_tanh")
def hard_tanh(y: Any, site: Site) -> Any:
    """y, clipped to [-1, 1]."""
    return keras.layers.Activation("hard_tanh", name=f"{site.conv.name}_hard_tanh")(y)


@step("prelu")
def prelu(y: Any, site: Site) -> Any:
    """y, or a learned part of it where it is negative, one for each channel."""
    start = keras.initializers.Constant(0.25)
    return keras.layers.PReLU(start, shared_axes=[1, 2], name=f"{site.conv.name}_prelu")(y)


@step("rprelu")
def rprelu(y: Any, site: Site) -> Any:
    """ReActNet's PReLU with a learned bias before and after it."""
    y = ChannelBias(name=f"{site.conv.name}_bias_in")(y)
    return ChannelBias(name=f"{site.conv.name}_bias_out")(prelu(y, site))
