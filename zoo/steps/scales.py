"""Scales and shifts of what a convolution gives, or of what it reads."""

from math import prod

from larq_el._keras import Tensor, keras
from larq_el.layers import ActivationScale, ChannelBias, InteractedBitcount, LearnedScale
from larq_el.layers.interacted_bitcount import STRENGTH, THRESHOLD
from larq_el.zoo.steps.site import Site, step

REDUCTION = 8
"""Of Real-to-Binary's channel scale: input channels to hidden ones."""


@step("k")
def k(y: Tensor, site: Site) -> Tensor:
    """K, the scale of the activations (equation 3)."""
    conv = site.conv
    # of a sign that is centred K stays what it is without: the centred values themselves are then never stored
    x = site.unit_input if "centre" in site.unit.steps else site.conv_input
    scale = ActivationScale(
        conv.kernel_size,
        conv.strides,
        padding=conv.padding,
        dilation_rate=conv.dilation,
        stop_gradient=site.unit.constant_k,
        name=f"{conv.name}_scale",
    )(x)
    return keras.layers.Multiply(name=f"{conv.name}_scaled")([y, scale])


@step("gain")
def gain(y: Tensor, site: Site) -> Tensor:
    """XNOR-Net++'s learned scale."""
    return LearnedScale(name=f"{site.conv.name}_gain")(y)


@step("rescale")
def rescale(y: Tensor, site: Site) -> Tensor:
    """Real-to-Binary's data-driven channel scale: a squeeze-and-excitation of the input before its sign."""
    name = f"{site.conv.name}_rescale"
    hidden = max(1, site.conv_input.shape[-1] // REDUCTION)
    scale = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(site.conv_input)
    for filters, activation in ((hidden, "relu"), (y.shape[-1], "sigmoid")):
        # 1x1 convolutions and not dense layers: those would need a Reshape each
        scale = keras.layers.Conv2D(
            filters,
            1,
            activation=activation,
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"{name}_{activation}",
        )(scale)
    return keras.layers.Multiply(name=f"{name}d")([y, scale])


@step("interact")
def interact(y: Tensor, site: Site) -> Tensor:
    """CI-Net's interacted bitcount."""
    fan_in = prod(site.conv.window) * site.conv_input.shape[-1]
    return InteractedBitcount(THRESHOLD * fan_in, STRENGTH * fan_in, name=f"{site.conv.name}_interact")(y)


@step("shift")
def shift(y: Tensor, site: Site) -> Tensor:
    """ReActNet's learned threshold of the sign."""
    return ChannelBias(name=f"{site.conv.name}_shift")(y)
