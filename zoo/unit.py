"""The convolution unit: one convolution of a backbone, made of what a method says."""

from dataclasses import dataclass
from typing import Any

from larq_el._keras import keras, lq
from larq_el.layers import ActivationScale, ElasticLink
from larq_el.zoo.methods import Unit


@dataclass(frozen=True)
class Conv:
    """What a backbone knows of a convolution: filters, square kernel size and stride in pixels, name of its layers."""

    filters: int
    kernel_size: int
    strides: int
    name: str


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


def binary_conv(x: Any, conv: Conv, unit: Unit, pad_values: float) -> Any:
    """A convolution of sign(x) with a binary kernel, padding "same"."""
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


def conv_unit(x: Any, conv: Conv, unit: Unit, pad_values: float) -> Any:
    """`activation(BN(K(x) * Conv(x))) + link(x)`, each part where `unit` asks for it.

    # Arguments
        x: real-valued input, (N, H, W, C).
        conv: filters, kernel size, stride and name.
        unit: what the method makes of this role.
        pad_values: what a binary convolution pads with, 0 or 1.

    # Returns
        (N, ceil(H / strides), ceil(W / strides), filters).
    """
    y = binary_conv(x, conv, unit, pad_values) if unit.conv == "binary" else float_conv(x, conv)
    if unit.activation_scale:
        scale = ActivationScale(conv.kernel_size, conv.strides, name=f"{conv.name}_scale")(x)
        y = keras.layers.Multiply(name=f"{conv.name}_scaled")([y, scale])
    y = batch_norm(y, f"{conv.name}_bn")
    if unit.activation:
        y = keras.layers.Activation(unit.activation, name=f"{conv.name}_{unit.activation}")(y)
    if unit.link != "none":
        y = ElasticLink(
            conv.strides,
            trainable_gamma=unit.link == "learned",
            use_gamma=unit.link != "plain",
            name=f"{conv.name}_link",
        )([y, x])
    return y
