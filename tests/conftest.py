"""What every test needs: a quiet TensorFlow with Keras 2, and a clean, seeded Keras."""

import os
import sys

# before any test module imports TensorFlow, which reads both only once
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_USE_LEGACY_KERAS"] = "1"

import pytest


@pytest.fixture(autouse=True)
def clean_keras():
    """A fresh Keras session, the float32 policy and seed 0, where TensorFlow is loaded at all."""
    if "tensorflow" not in sys.modules:
        return
    from larq_el._keras import keras

    keras.backend.clear_session()
    keras.mixed_precision.set_global_policy("float32")
    keras.utils.set_random_seed(0)


@pytest.fixture(scope="module")
def linked_model():
    """Two binary convolutions with BatchNorms and a link, between a float stem and a classifier."""
    from larq_el._keras import keras, lq
    from larq_el.layers import ElasticLink

    binary = {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip", "use_bias": False}
    keras.utils.set_random_seed(1)
    image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(32, 3, padding="same", name="stem")(image)
    y = lq.layers.QuantConv2D(64, 1, input_quantizer="ste_sign", name="first", **binary)(x)
    y = keras.layers.BatchNormalization(name="first_bn")(y)
    x = ElasticLink(name="link")([y, x])
    x = lq.layers.QuantConv2D(32, 3, padding="same", input_quantizer="ste_sign", name="second", **binary)(x)
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
