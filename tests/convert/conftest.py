"""Small models that take every way through the converter."""

import pytest

from larq_el._keras import keras, lq

BINARY = {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip", "use_bias": False}


@pytest.fixture(scope="module")
def linked_model():
    """Two binary convolutions with BatchNorms and a link, between a float stem and a classifier."""
    from larq_el.layers import ElasticLink

    keras.utils.set_random_seed(1)
    image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(32, 3, padding="same", name="stem")(image)
    y = lq.layers.QuantConv2D(64, 1, input_quantizer="ste_sign", name="first", **BINARY)(x)
    y = keras.layers.BatchNormalization(name="first_bn")(y)
    x = ElasticLink(name="link")([y, x])
    x = lq.layers.QuantConv2D(32, 3, padding="same", input_quantizer="ste_sign", name="second", **BINARY)(x)
    x = keras.layers.BatchNormalization(name="second_bn")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(10, activation="softmax", name="classifier")(x), name="linked")
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # not the identity, and with scales that turn some channels over
            layer.set_weights(
                [
                    keras.initializers.RandomNormal(seed=i)(w.shape) ** (1 + i // 3)
                    for i, w in enumerate(layer.get_weights())
                ]
            )
    return model


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
