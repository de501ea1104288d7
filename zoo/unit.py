"""The convolution unit: one convolution of a backbone, made of what a method says.

A step of `Unit.steps` is one function of `STEPS`; a method that needs a new one adds it here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from larq_el._keras import keras, lq
from larq_el.layers import (
    ActivationScale,
    ActivationShifts,
    BasesConv2D,
    ChannelBias,
    ElasticLink,
    GroupSum,
    InteractedBitcount,
    LearnedScale,
    LinkAlone,
    TernaryThresholds,
)
from larq_el.layers.interacted_bitcount import STRENGTH, THRESHOLD
from larq_el.quantizers import AlphaSign, CentredWeightClip, WeightBases
from larq_el.zoo.methods import Unit

REDUCTION = 8
"""Of Real-to-Binary's channel scale: input channels to hidden ones."""

QUANTIZERS: Mapping[str, Callable[[], Any]] = {
    "alpha_sign": AlphaSign,
    "alpha_sign_unclipped": partial(AlphaSign, clip_value=None),
}
"""Kernel quantizers that Larq does not have, by the names that `Unit.kernel_quantizer` gives them."""
CONSTRAINTS: Mapping[str, Callable[[], Any]] = {"centred_weight_clip": CentredWeightClip}
"""Likewise, of `Unit.kernel_constraint`."""


@dataclass(frozen=True)
class Conv:
    """What a backbone knows of a convolution: filters, square kernel size and stride in pixels, name of its layers.

    A depthwise convolution has as many filters as its input has channels. With a `group` each output channel sees that
    many input channels instead of one.
    """

    filters: int
    kernel_size: int
    strides: int
    name: str
    depthwise: bool = False
    group: int = 1


@dataclass(frozen=True)
class Site:
    """Where a step stands.

    # Attributes
        conv, unit: the convolution, and what the method makes of its role.
        pad_values: what a binary convolution pads with, 0 or 1.
        unit_input: real-valued input of the unit, (N, H, W, C).
        conv_input: real-valued input of the convolution itself; the same where "conv" is the first step.
    """

    conv: Conv
    unit: Unit
    pad_values: float
    unit_input: Any
    conv_input: Any


def batch_norm(x: Any, name: str) -> Any:
    """BatchNorm with the momentum that Larq's zoo uses: short trainings need statistics that keep up."""
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)


def _shared(conv: Conv) -> dict[str, Any]:
    """The arguments that every kind of convolution takes: no bias (BatchNorm has one), padding "same"."""
    return {"strides": conv.strides, "padding": "same", "use_bias": False, "name": f"{conv.name}_conv"}


def float_conv(x: Any, conv: Conv) -> Any:
    """A full-precision convolution without bias, padding "same"."""
    size, shared = conv.kernel_size, _shared(conv)
    if conv.depthwise:
        return keras.layers.DepthwiseConv2D(size, depthwise_initializer="he_normal", **shared)(x)
    return keras.layers.Conv2D(conv.filters, size, kernel_initializer="he_normal", **shared)(x)


def _shared_binary(site: Site) -> dict[str, Any]:
    """`_shared`, and what every kind of binary convolution takes."""
    # a 1x1 pads nothing; the default keeps Larq from building a PadV2
    return {**_shared(site.conv), "pad_values": site.pad_values if site.conv.kernel_size > 1 else 0.0}


def _kernel_quantizer(site: Site) -> Any:
    name = site.unit.kernel_quantizer
    return QUANTIZERS[name]() if name in QUANTIZERS else name


def _kernel_constraint(site: Site) -> Any:
    name = site.unit.kernel_constraint
    return CONSTRAINTS[name]() if name in CONSTRAINTS else name


def _latent_initializer(site: Site) -> Any:
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


def _depthwise(x: Any, site: Site, **quantizers: Any) -> Any:
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


def _conv(y: Any, site: Site) -> Any:
    conv = site.conv
    if site.unit.conv == "float":
        return float_conv(y, conv)
    if conv.depthwise:
        return _depthwise(y, site)
    return lq.layers.QuantConv2D(
        conv.filters,
        conv.kernel_size,
        input_quantizer=site.unit.input_quantizer,
        **_kernel(site),
        **_shared_binary(site),
    )(y)


def _ternary_conv(y: Any, site: Site) -> Any:
    conv = site.conv
    bases = TernaryThresholds(site.unit.delta, name=f"{conv.name}_thresholds")(y)
    # the thresholds clip the gradient
    sign = lq.quantizers.SteSign(clip_value=None)
    shared = {**_kernel(site), **_shared_binary(site)}
    return BasesConv2D(conv.filters, conv.kernel_size, train_scales=False, input_quantizer=sign, **shared)(bases)


def _abc_conv(y: Any, site: Site) -> Any:
    conv = site.conv
    bases = ActivationShifts(site.unit.activation_bases, name=f"{conv.name}_shifts")(y)
    sign, quantizer = lq.quantizers.SteSign(clip_value=0.5), WeightBases(site.unit.weight_bases)
    if conv.depthwise:
        # of one base; its scale is what the BatchNorm behind it learns as well
        (base,) = bases
        return _depthwise(base, site, input_quantizer=sign, depthwise_quantizer=quantizer)
    kernel = {**_kernel(site), "kernel_quantizer": quantizer}
    return BasesConv2D(conv.filters, conv.kernel_size, input_quantizer=sign, **kernel, **_shared_binary(site))(bases)


def _interact(y: Any, site: Site) -> Any:
    fan_in = site.conv.kernel_size**2 * site.conv_input.shape[-1]
    return InteractedBitcount(THRESHOLD * fan_in, STRENGTH * fan_in, name=f"{site.conv.name}_interact")(y)


def _k(y: Any, site: Site) -> Any:
    conv = site.conv
    scale = ActivationScale(
        conv.kernel_size, conv.strides, stop_gradient=site.unit.constant_k, name=f"{conv.name}_scale"
    )(site.conv_input)
    return keras.layers.Multiply(name=f"{conv.name}_scaled")([y, scale])


def _norm(y: Any, site: Site) -> Any:
    return batch_norm(y, f"{site.conv.name}_bn")


def _image_norm(y: Any, site: Site) -> Any:
    """BinaryE's BatchNorm of the image, without a factor."""
    name = f"{site.conv.name}_image_bn"
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=2e-5, scale=False, name=name)(y)


def _second_norm(y: Any, site: Site) -> Any:
    return batch_norm(y, f"{site.conv.name}_second_bn")


def _pool(y: Any, site: Site) -> Any:
    return keras.layers.MaxPooling2D(3, strides=2, padding="same", name=f"{site.conv.name}_pool")(y)


def _shift(y: Any, site: Site) -> Any:
    return ChannelBias(name=f"{site.conv.name}_shift")(y)


def _gain(y: Any, site: Site) -> Any:
    return LearnedScale(name=f"{site.conv.name}_gain")(y)


def _rescale(y: Any, site: Site) -> Any:
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


def _prelu(y: Any, site: Site) -> Any:
    start = keras.initializers.Constant(0.25)
    return keras.layers.PReLU(start, shared_axes=[1, 2], name=f"{site.conv.name}_prelu")(y)


def _rprelu(y: Any, site: Site) -> Any:
    """ReActNet's PReLU with a learned bias before and after it."""
    y = ChannelBias(name=f"{site.conv.name}_bias_in")(y)
    return ChannelBias(name=f"{site.conv.name}_bias_out")(_prelu(y, site))


def _pooled_sum(y: Any, site: Site) -> Any:
    """The unit's real-valued input again, average-pooled where the convolution has stride 2."""
    x = site.unit_input
    if site.conv.strides > 1:
        x = keras.layers.AveragePooling2D(site.conv.strides, padding="same", name=f"{site.conv.name}_shortcut_pool")(x)
    return keras.layers.Add(name=f"{site.conv.name}_add")([y, x])


def _relu(y: Any, site: Site) -> Any:
    return keras.layers.Activation("relu", name=f"{site.conv.name}_relu")(y)


def _hard_tanh(y: Any, site: Site) -> Any:
    return keras.layers.Activation("hard_tanh", name=f"{site.conv.name}_hard_tanh")(y)


def _link(y: Any, site: Site) -> Any:
    link = ElasticLink(
        site.conv.strides,
        trainable_gamma=site.unit.link == "learned",
        use_gamma=site.unit.link != "plain",
        name=f"{site.conv.name}_link",
    )
    return link([y, site.unit_input])


def _link_alone(y: Any, site: Site) -> Any:
    link = LinkAlone(
        site.conv.filters,
        strides=site.conv.strides,
        trainable_gamma=site.unit.link == "learned",
        name=f"{site.conv.name}_link",
    )
    return link(y)


STEPS: Mapping[str, Callable[[Any, Site], Any]] = {
    "conv": _conv,
    "ternary_conv": _ternary_conv,
    "abc_conv": _abc_conv,
    "interact": _interact,
    "norm": _norm,
    "image_norm": _image_norm,
    "second_norm": _second_norm,
    "pool": _pool,
    "link": _link,
    "link_alone": _link_alone,
    "pooled_sum": _pooled_sum,
    "k": _k,
    "gain": _gain,
    "rescale": _rescale,
    "shift": _shift,
    "relu": _relu,
    "hard_tanh": _hard_tanh,
    "prelu": _prelu,
    "rprelu": _rprelu,
}


def conv_unit(x: Any, conv: Conv, unit: Unit, pad_values: float) -> Any:
    """Carries out the steps of a unit, such as `BN(K(x) * BinConv(sign x)) + SEI(x) / gamma`.

    # Arguments
        x: real-valued input, (N, H, W, C).
        conv: filters, kernel size, stride and name.
        unit: what the method makes of this role.
        pad_values: what a binary convolution pads with, 0 or 1.

    # Returns
        (N, ceil(H / strides), ceil(W / strides), filters).
    """
    site = Site(conv, unit, pad_values, unit_input=x, conv_input=x)
    y = x
    for step in unit.steps:
        if step.endswith("conv"):
            site = replace(site, conv_input=y)
        y = STEPS[step](y, site)
    return y


def apply_steps(x: Any, steps: tuple[str, ...], name: str) -> Any:
    """Carries out steps that have no convolution, such as BatchNorm and ReLU.

    # Arguments
        x: (N, H, W, C).
        steps: names of `STEPS`.
        name: what the layers' names begin with.

    # Returns
        (N, H, W, C).
    """
    return conv_unit(x, Conv(x.shape[-1], 1, 1, name), Unit(steps), 0.0)
