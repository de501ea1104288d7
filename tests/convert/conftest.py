"""Small models that take every way through the converter."""

import pytest

from larq_el._keras import keras, lq

BINARY = {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip", "use_bias": False}


@pytest.fixture(scope="module")
def broken_model():
    """A Reshape between the signs and the binary convolution."""
    image = keras.Input((8, 8, 32))
    x = lq.quantizers.SteSign()(image)
    x = keras.layers.Reshape((16, 4, 32))(x)
    x = lq.layers.QuantConv2D(32, 1, name="behind_the_reshape", **BINARY)(x)
    return keras.Model(image, x, name="broken")


@pytest.fixture(scope="module")
def depthwise_model():
    """What no version of LCE makes binary."""
    image = keras.Input((8, 8, 32))
    x = lq.layers.QuantDepthwiseConv2D(
        3,
        padding="same",
        input_quantizer="ste_sign",
        depthwise_quantizer="ste_sign",
        depthwise_constraint="weight_clip",
        name="depthwise",
    )(image)
    return keras.Model(image, x, name="with_depthwise")
