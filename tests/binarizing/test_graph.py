"""Reading a model and building it again: equal outputs, whatever Keras lets one write."""

import numpy as np
import pytest

from larq_el._keras import keras, tf
from larq_el.binarizing.canonical import canonical
from larq_el.binarizing.graph import build, read

layers = keras.layers


def images(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def equal(model, *inputs, rewrite=False):
    """Builds a model again and compares all outputs bit by bit."""
    graph = read(model)
    if rewrite:
        canonical(graph, set())
    twin = build(graph, "twin")
    given = list(inputs) if len(inputs) > 1 else inputs[0]
    for ours, theirs in zip(tf.nest.flatten(twin(given)), tf.nest.flatten(model(given)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5 if rewrite else 0, atol=1e-5 if rewrite else 0)
    return twin


def nested():
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="conv")(image)
    return keras.Model(image, layers.ReLU(name="relu")(x), name="inner")


def test_a_model_inside_a_model_is_opened_and_its_names_are_told_apart():
    inner, image = nested(), keras.Input((8, 8, 3))
    x = layers.Conv2D(3, 3, padding="same", name="conv")(image)
    model = keras.Model(image, inner(x))
    twin = equal(model, images(2, 8, 8, 3))
    assert [layer.name for layer in twin.layers[1:]] == ["conv", "inner_conv", "relu"]


def test_a_model_that_is_called_twice_stays_one_set_of_weights():
    inner = nested()
    left, right = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    model = keras.Model([left, right], layers.Subtract()([inner(left), inner(right)]))
    twin = equal(model, images(2, 8, 8, 3), images(2, 8, 8, 3, seed=1))
    assert twin.count_params() == model.count_params()


def test_functions_between_layers_with_numbers_and_lists():
    image = keras.Input((8, 8, 3))
    x = tf.nn.relu(image * 2.0 + 1.0)
    x = tf.concat([x, 1.0 - image], axis=-1)[:, 1:, ::2]
    equal(keras.Model(image, tf.reduce_mean(x, axis=[1, 2])), images(2, 8, 8, 3))


def test_inputs_and_outputs_in_dictionaries():
    a, b = keras.Input((4, 4, 2), name="a"), keras.Input((4, 4, 2), name="b")
    model = keras.Model({"a": a, "b": b}, {"sum": layers.Add()([a, b]), "product": layers.Multiply()([a, b])})
    equal(model, {"a": images(1, 4, 4, 2), "b": images(1, 4, 4, 2, seed=1)})


def test_a_sequential_model_and_an_adapted_normalization():
    normalization = layers.Normalization()
    normalization.adapt(images(16, 8, 8, 3))
    model = keras.Sequential([keras.Input((8, 8, 3)), normalization, layers.Conv2D(4, 3), layers.Flatten()])
    equal(model, images(2, 8, 8, 3))


def test_what_is_frozen_stays_frozen():
    model = nested()
    model.get_layer("conv").trainable = False
    assert not build(read(model), "twin").get_layer("conv").trainable


@pytest.mark.parametrize(
    "rewritten",
    [
        lambda: layers.SeparableConv2D(6, 3, strides=2, depth_multiplier=2, activation="relu"),
        lambda: layers.SeparableConv2D(6, 3, dilation_rate=2, padding="same", bias_initializer="normal"),
        lambda: layers.Conv2D(6, 3, activation="relu", bias_initializer="normal"),
        lambda: layers.Conv2D(6, 3, groups=2, activation=tf.nn.relu6),
        lambda: layers.Conv2D(4, 3, groups=4, strides=2, bias_initializer="normal"),
        lambda: layers.Dense(6, activation="gelu", bias_initializer="normal"),
        lambda: layers.DepthwiseConv2D(3, activation=layers.LeakyReLU()),
    ],
)
def test_the_canonical_form_computes_the_same(rewritten):
    image = keras.Input((9, 9, 4))
    model = keras.Model(image, rewritten()(image))
    twin = equal(model, images(2, 9, 9, 4), rewrite=True)
    kinds = {type(layer) for layer in twin.layers if layer.weights}
    assert kinds <= {layers.Conv2D, layers.DepthwiseConv2D}
    assert all(layer.activation is keras.activations.linear for layer in twin.layers if layer.weights)


def test_a_rewritten_layer_that_is_shared_stays_shared():
    shared, image = layers.SeparableConv2D(3, 3, padding="same"), keras.Input((9, 9, 3))
    model = keras.Model(image, shared(shared(image)))
    assert equal(model, images(2, 9, 9, 3), rewrite=True).count_params() == model.count_params()


def test_a_sequential_model_without_an_input_is_refused():
    with pytest.raises(ValueError, match="does not know its input's shape; give its first layer an input_shape"):
        read(keras.Sequential([layers.Conv2D(4, 3)], name="mine"))


def test_a_layer_that_cannot_be_built_again_is_named():
    class Odd(layers.Layer):
        def __init__(self, size):
            super().__init__(name="odd")
            self.size = size

        def get_config(self):
            return {"name": "odd"}

    image = keras.Input((4, 4, 3))
    with pytest.raises(ValueError, match="layer 'odd', a Odd, cannot be built again from its get_config"):
        build(read(keras.Model(image, Odd(3)(image))), "twin")
