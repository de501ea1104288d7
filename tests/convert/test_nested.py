"""Models inside models, and layers that are called several times, are compared layer by layer."""

import numpy as np
import pytest

from larq_el._keras import keras, lq, tf
from larq_el.convert import convert, verify
from larq_el.convert.verification.keras_calls import calls_of

BINARY = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}
SHAPE = (8, 8, 3)
INNER = ["stem", "binary", "shrink"]


def layers():
    """Of the innermost model."""
    return [
        keras.layers.Conv2D(32, 3, padding="same", name="stem"),
        lq.layers.QuantConv2D(32, 3, padding="same", pad_values=1, use_bias=False, name="binary", **BINARY),
        keras.layers.BatchNormalization(name="norm"),
        keras.layers.Conv2D(16, 1, activation="relu", name="shrink"),
    ]


def block():
    image = keras.Input(SHAPE)
    x = image
    for layer in layers():
        x = layer(x)
    return keras.Model(image, x, name="block")


class Subclassed(keras.Model):
    """A model without a graph of Keras's."""

    def __init__(self):
        super().__init__(name="subclassed")
        self.parts = layers()

    def call(self, inputs):
        for part in self.parts:
            inputs = part(inputs)
        return inputs


def ending(x):
    return keras.layers.Dense(5, name="classifier")(keras.layers.GlobalAveragePooling2D()(x))


def in_a_sequential():
    return keras.Sequential([block(), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(5, name="classifier")])


def in_a_functional():
    image = keras.Input(SHAPE)
    return keras.Model(image, ending(block()(image)))


def twice_nested():
    image, larger = keras.Input(SHAPE), keras.Input((None, None, 3))  # whose shape is known at the call alone
    outer = keras.Model(larger, keras.layers.ReLU()(block()(larger)), name="outer")
    return keras.Model(image, ending(outer(image)))


def sequential_without_input():
    image = keras.Input(SHAPE)
    return keras.Model(image, ending(keras.Sequential(layers())(image)))


def subclassed():
    image = keras.Input(SHAPE)
    return keras.Model(image, ending(Subclassed()(image)))


def several_inputs_and_outputs():
    """Between them what is no layer of its own: operators, slices, constants and keyword arguments."""
    left, right = keras.Input(SHAPE, name="left"), keras.Input((), name="right")
    x = block()(left + 2.0, training=False)
    inner = keras.Model({"left": left, "right": right}, [x[..., 1:] + np.float32(0.5), right], name="two")
    image, number = keras.Input(SHAPE), keras.Input((1,))  # squeezed to `right`
    x, y = inner({"right": number, "left": image})
    x = keras.layers.Activation("linear")(x)  # returns the very tensor that it is given
    return keras.Model([image, number], [ending(x), tf.reshape(y, (-1, 1))])


NESTED = [
    in_a_sequential,
    in_a_functional,
    twice_nested,
    sequential_without_input,
    subclassed,
    several_inputs_and_outputs,
]


def prepared(build):
    """A model with norms that are not the identity, and samples for it."""
    keras.utils.set_random_seed(4)
    model = build()
    samples = [np.random.default_rng(0).normal(size=(24, *t.shape[1:])).astype(np.float32) for t in model.inputs]
    for weight in model.weights:
        if "norm" in weight.name:
            weight.assign(keras.initializers.RandomUniform(0.5, 2, seed=1)(weight.shape))
    return model, samples


def leaf(model, name):
    """An inner layer, by its name."""
    (found,) = {id(part): part for part in model.submodules if getattr(part, "name", "") == name}.values()
    return found


@pytest.mark.parametrize("build", NESTED)
def test_every_inner_layer_is_compared(build):
    model, samples = prepared(build)
    result = verify(model, convert(model).flatbuffer, samples)
    assert [layer.layer for layer in result.layers][:3] == INNER
    assert result.passed
    assert result.parted_at is None
    assert max(layer.max_abs_diff for layer in result.layers) < 1e-3
    assert [layer.differing_alone for layer in result.layers][:3] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("build", NESTED)
@pytest.mark.parametrize("changed", INNER)
def test_the_inner_layer_that_differs_is_blamed(build, changed):
    model, samples = prepared(build)
    kernel = leaf(model, changed).kernel
    kernel.assign(-kernel)
    other = convert(model).flatbuffer
    kernel.assign(-kernel)
    result = verify(model, other, samples)
    assert result.parted_at == changed
    assert {layer.layer for layer in result.layers if (layer.differing_alone or 0) > 0.1} == {changed}


@pytest.mark.parametrize("build", NESTED)
def test_watching_changes_neither_outputs_nor_model(build):
    model, samples = prepared(build)
    parts = [part for part in model.submodules if isinstance(part, keras.layers.Layer)]
    before = [(len(part.inbound_nodes), len(part.outbound_nodes), vars(part).get("call")) for part in parts]
    outputs, calls = calls_of(model, samples)
    for output, expected in zip(outputs, tf.nest.flatten(model.predict(samples, verbose=0)), strict=True):
        np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)
    assert {"stem", "binary", "norm", "shrink", "classifier"} <= {call.layer.name for call in calls}
    assert [(len(part.inbound_nodes), len(part.outbound_nodes), vars(part).get("call")) for part in parts] == before


def test_only_what_is_wanted_is_kept():
    model, samples = prepared(in_a_functional)
    _, everything = calls_of(model, samples)
    _, calls = calls_of(model, samples, {1})
    assert [call.layer for call in calls] == [call.layer for call in everything]
    assert [at for at, call in enumerate(calls) if call.output is not None] == [1]
    np.testing.assert_array_equal(calls[1].output, everything[1].output)


def test_a_model_that_fails_is_left_as_it_was():
    model, samples = prepared(in_a_functional)
    with pytest.raises(ValueError, match="incompatible"):
        calls_of(model, [samples[0][..., :2]])
    assert "call" not in vars(leaf(model, "stem"))


def siamese():
    """One model that is called on two images, and a norm of its own behind each."""
    images = [keras.Input(SHAPE, name=name) for name in ("first", "second")]
    image = keras.Input(SHAPE)
    inner = keras.Model(image, keras.layers.Conv2D(32, 3, padding="same", name="shared")(image))
    x, y = (keras.layers.BatchNormalization(name=f"norm_{i}")(inner(image)) for i, image in enumerate(images))
    y = lq.layers.QuantConv2D(32, 1, use_bias=False, name="binary", **BINARY)(y)
    return keras.Model(images, ending(keras.layers.Concatenate()([x, y])))


def in_a_row():
    """A binary convolution that is called on its own output."""
    image = keras.Input((8, 8, 32))
    again = lq.layers.QuantConv2D(32, 3, padding="same", use_bias=False, name="shared", **BINARY)
    x = again(image)
    x = again(keras.layers.BatchNormalization(name="norm_0")(x))
    return keras.Model(image, ending(keras.layers.ReLU()(x)))


@pytest.mark.parametrize("build", [siamese, in_a_row])
def test_a_shared_layer_is_compared_at_each_call(build):
    model, samples = prepared(build)
    result = verify(model, convert(model).flatbuffer, samples)
    assert result.passed
    shared = [layer for layer in result.layers if layer.layer == "shared"]
    assert [layer.differing for layer in shared] == [0.0, 0.0]
    assert [layer.differing_alone for layer in shared] == [0.0, 0.0]
    kernel = leaf(model, "shared").kernel
    kernel.assign(keras.initializers.RandomNormal(seed=9)(kernel.shape))
    result = verify(model, convert(model).flatbuffer, samples)
    assert result.parted_at is None


@pytest.mark.parametrize("at", [0, 1])
def test_of_a_shared_layer_the_call_that_differs_is_blamed(at):
    model, samples = prepared(siamese)
    norm = leaf(model, f"norm_{at}")
    norm.beta.assign_add(tf.ones_like(norm.beta))
    other = convert(model).flatbuffer
    norm.beta.assign_add(-tf.ones_like(norm.beta))
    result = verify(model, other, samples)
    shared = [layer.differing_alone for layer in result.layers if layer.layer == "shared"]
    assert result.parted_at == "shared"
    assert sorted(value > 0.5 for value in shared) == [False, True]
