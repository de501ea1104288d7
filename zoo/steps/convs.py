"""Convolutions: binary, in full precision, and those of TBN and ABC-Net."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from larq_el._keras import Tensor, keras, lq
from larq_el.layers import ActivationShifts, BasesConv2D, GroupSum, TernaryThresholds
from larq_el.quantizers import AlphaSign, CentredWeightClip, WeightBases
from larq_el.zoo.steps.site import Conv, Site, step

QUANTIZERS: Mapping[str, Callable[[], Any]] = {
    "alpha_sign": AlphaSign,
    "alpha_sign_unclipped": partial(AlphaSign, clip_value=None),
}
"""Kernel quantizers that Larq does not have, by the names that `Unit.kernel_quantizer` gives them."""
CONSTRAINTS: Mapping[str, Callable[[], Any]] = {"centred_weight_clip": CentredWeightClip}
"""Likewise, of `Unit.kernel_constraint`."""


def _shared(conv: Conv) -> dict[str, Any]:
    """The arguments that every kind of convolution takes: no bias (BatchNorm has one)."""
    return {
        "strides": conv.strides,
        "padding": conv.padding,
        "dilation_rate": conv.dilation,
        "use_bias": False,
        "name": f"{conv.name}_conv",
    }


def float_conv(x: Tensor, conv: Conv) -> Tensor:
    """A full-precision convolution without bias."""
    size, shared = conv.kernel_size, _shared(conv)
    if conv.depthwise:
        return keras.layers.DepthwiseConv2D(size, depthwise_initializer="he_normal", **shared)(x)
    return keras.layers.Conv2D(conv.filters, size, groups=conv.groups, kernel_initializer="he_normal", **shared)(x)


def _shared_binary(site: Site) -> dict[str, Any]:
    """`_shared`, and what every kind of binary convolution takes."""
    # a 1x1 pads nothing; the default keeps Larq from building a PadV2
    return {**_shared(site.conv), "pad_values": site.pad_values if any(site.conv.border) else 0.0}


def _kernel_quantizer(site: Site) -> Tensor:
    name = site.unit.kernel_quantizer
    return QUANTIZERS[name]() if name in QUANTIZERS else name


def _kernel_constraint(site: Site) -> Tensor:
    name = site.unit.kernel_constraint
    return CONSTRAINTS[name]() if name in CONSTRAINTS else name


def _latent_initializer(site: Site) -> Tensor:
    """One of its own for each layer: Keras warns of an initializer that is called twice."""
    initializer = site.unit.latent_initializer
    return initializer if isinstance(initializer, str) else type(initializer).from_config(initializer.get_config())


def _kernel(site: Site) -> dict[str, Any]:
    """The arguments of a binary convolution's kernel."""
    return {
        "kernel_quantizer": _kernel_quantizer(site),
        "kernel_initializer": _latent_initializer(site),
        "kernel_constraint": _kernel_constraint(site),
    }


def _depthwise(x: Tensor, site: Site, **quantizers: Any) -> Tensor:
    """A binary depthwise convolution; `quantizers` take the place of the unit's."""
    conv = site.conv
    arguments = {
        "input_quantizer": site.unit.input_quantizer,
        "depthwise_quantizer": _kernel_quantizer(site),
        "depthwise_initializer": _latent_initializer(site),
        "depthwise_constraint": _kernel_constraint(site),
    }
    y = lq.layers.QuantDepthwiseConv2D(
        conv.kernel_size, depth_multiplier=conv.group, **{**arguments, **quantizers}, **_shared_binary(site)
    )(x)
    return y if conv.group == 1 else GroupSum(conv.group, name=f"{conv.name}_group")(y)


@step("conv", convolves=True)
def conv(y: Tensor, site: Site) -> Tensor:
    """The convolution as `Unit.conv` says, binary or in full precision."""
    conv = site.conv
    if site.unit.conv == "float":
        return float_conv(y, conv)
    if conv.depthwise:
        return _depthwise(y, site)
    return lq.layers.QuantConv2D(
        conv.filters,
        conv.kernel_size,
        groups=conv.groups,
        input_quantizer=site.unit.input_quantizer,
        **_kernel(site),
        **_shared_binary(site),
    )(y)


@step("ternary_conv", convolves=True)
def ternary_conv(y: Tensor, site: Site) -> Tensor:
    """TBN's: its activations are -1, 0 or 1, of two thresholds."""
    conv = site.conv
    bases = TernaryThresholds(site.unit.delta, name=f"{conv.name}_thresholds")(y)
    # the thresholds clip the gradient
    sign = lq.quantizers.SteSign(clip_value=None)
    shared = {**_kernel(site), **_shared_binary(site)}
    return BasesConv2D(conv.filters, conv.kernel_size, train_scales=False, input_quantizer=sign, **shared)(bases)


@step("abc_conv", convolves=True)
def abc_conv(y: Tensor, site: Site) -> Tensor:
    """ABC-Net's: a sum over the bases of weights and activations."""
    conv = site.conv
    bases = ActivationShifts(site.unit.activation_bases, name=f"{conv.name}_shifts")(y)
    sign, quantizer = lq.quantizers.SteSign(clip_value=0.5), WeightBases(site.unit.weight_bases)
    if conv.depthwise:
        # of one base; its scale is what the BatchNorm behind it learns as well
        (base,) = bases
        return _depthwise(base, site, input_quantizer=sign, depthwise_quantizer=quantizer)
    kernel = {**_kernel(site), "kernel_quantizer": quantizer}
    return BasesConv2D(conv.filters, conv.kernel_size, input_quantizer=sign, **kernel, **_shared_binary(site))(bases)
