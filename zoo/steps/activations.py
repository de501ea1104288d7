"""Activations."""

from larq_el._keras import Tensor, keras
from larq_el.layers import ChannelBias
from larq_el.zoo.steps.site import Site, step


@step("relu")
def relu(y: Tensor, site: Site) -> Tensor:
    """max(0, y)."""
    return keras.layers.Activation("relu", name=f"{site.conv.name}_relu")(y)


@step("hard_tanh")
def hard_tanh(y: Tensor, site: Site) -> Tensor:
    """y, clipped to [-1, 1]."""
    return keras.layers.Activation("hard_tanh", name=f"{site.conv.name}_hard_tanh")(y)


@step("prelu")
def prelu(y: Tensor, site: Site) -> Tensor:
    """y, or a learned part of it where it is negative, one for each channel."""
    start = keras.initializers.Constant(0.25)
    return keras.layers.PReLU(start, shared_axes=[1, 2], name=f"{site.conv.name}_prelu")(y)


@step("rprelu")
def rprelu(y: Tensor, site: Site) -> Tensor:
    """ReActNet's PReLU with a learned bias before and after it."""
    y = ChannelBias(name=f"{site.conv.name}_bias_in")(y)
    return ChannelBias(name=f"{site.conv.name}_bias_out")(prelu(y, site))
