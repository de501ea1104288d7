"""The convolution unit: one convolution of a backbone, made of what a method says.

A step of `Unit.steps` is one function of `STEPS`; a method that needs a new one adds it here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from larq_el._keras import keras, lq
from larq_el.layers import ActivationScale, ElasticLink, LinkAlone
from larq_el.zoo.methods import Unit


@dataclass(frozen=True)
class Conv:
    """What a backbone knows of a convolution: filters, square kernel size and stride in pixels, name of its layers."""

    filters: int
    kernel_size: int
    strides: int
    name: str


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


def float_conv(x: Any, conv: Conv) -> Any:
    """A full-precision convolution without bias, padding "same"."""
    return keras.layers.Conv2D(
        conv.filters,
        conv.kernel_size,
        strides=conv.strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{conv.name}_conv",
    )(x)


def _binary_conv(x: Any, conv: Conv, unit: Unit, pad_values: float) -> Any:
    return lq.layers.QuantConv2D(
        conv.filters,
        conv.kernel_size,
        strides=conv.strides,
        padding="same",
        # a 1x1 pads nothing; the default keeps Larq from building a PadV2
        pad_values=pad_values if conv.kernel_size > 1 else 0.0,
        use_bias=False,
        input_quantizer=unit.input_quantizer,
        kernel_quantizer=unit.kernel_quantizer,
        kernel_constraint="weight_clip",
        name=f"{conv.name}_conv",
    )(x)


def _conv(y: Any, site: Site) -> Any:
    if site.unit.conv == "binary":
        return _binary_conv(y, site.conv, site.unit, site.pad_values)
    return float_conv(y, site.conv)


def _k(y: Any, site: Site) -> Any:
    scale = ActivationScale(site.conv.kernel_size, site.conv.strides, name=f"{site.conv.name}_scale")(site.conv_input)
    return keras.layers.Multiply(name=f"{site.conv.name}_scaled")([y, scale])


def _norm(y: Any, site: Site) -> Any:
    return batch_norm(y, f"{site.conv.name}_bn")


def _relu(y: Any, site: Site) -> Any:
    return keras.layers.Activation("relu", name=f"{site.conv.name}_relu")(y)


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
    "k": _k,
    "norm": _norm,
    "relu": _relu,
    "link": _link,
    "link_alone": _link_alone,
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
        if step == "conv":
            site = replace(site, conv_input=y)
        y = STEPS[step](y, site)
    return y
