"""What Keras takes and TensorFlow, TFLite or LCE do not."""

import numpy as np
import pytest

from larq_el._keras import keras, lq, tf
from larq_el.convert import convert
from larq_el.errors import UserError
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.lce import interpreter, predict

BINARY = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}


@pytest.mark.parametrize(
    "names", [["class"], ["from"], ["my input"], ["größe"], ["a/b"], ["1x"], ["my input", "my_input"], ["None", "x"]]
)
def test_inputs_keep_their_names(names):
    inputs = [keras.Input((4,), name=name) for name in names]
    x = keras.layers.Concatenate()([at * one for at, one in enumerate(inputs, 1)]) if len(inputs) > 1 else inputs[0]
    flatbuffer = Flatbuffer(convert(keras.Model(inputs, keras.layers.Dense(2)(x))).flatbuffer)
    assert list(flatbuffer.signature_inputs) == names


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
@pytest.mark.parametrize("batch", [None, 1])
def test_recurrent_layers_convert_with_a_free_batch(kind, batch):
    keras.utils.set_random_seed(0)
    steps = keras.Input((6, 4), batch_size=batch)
    layer = getattr(keras.layers, kind)(8, use_bias=False, name="recurrent")
    model = keras.Model(steps, keras.layers.Dense(3)(layer(steps)))
    x = np.random.default_rng(0).normal(size=(3, 6, 4)).astype("float32")
    (got,) = predict(interpreter(convert(model).flatbuffer), [x])
    expected = np.concatenate([model.predict_on_batch(x[at : at + 1]) for at in range(3)])
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_an_lstm_that_lce_computes_otherwise_is_refused():
    steps = keras.Input((6, 4))
    layer = keras.layers.LSTM(8, bias_initializer=keras.initializers.RandomUniform(-1, 1, seed=1), name="recurrent")
    model = keras.Model(steps, keras.layers.Dense(3)(layer(steps)))
    with pytest.raises(UserError, match=r"layer 'recurrent' \(LSTM\).*LSTM computes something else; try unroll=True"):
        convert(model)
    unrolled = keras.models.clone_model(model, clone_function=lambda one: type(one).from_config(_unrolled(one)))
    unrolled.set_weights(model.get_weights())
    assert convert(unrolled).report.proof.compared >= 1


def _unrolled(layer):
    config = layer.get_config()
    return {**config, "unroll": True} if "unroll" in config else config


def test_a_state_between_samples_is_refused_by_the_layers_name():
    steps = keras.Input((6, 4), batch_size=1)
    model = keras.Model(steps, keras.layers.GRU(8, stateful=True, name="remembers")(steps))
    with pytest.raises(UserError, match=r"layer 'remembers' \(GRU\) is stateful, and its state would go from one"):
        convert(model)


class Counts(keras.layers.Layer):
    def build(self, shape):
        self.count = self.add_weight("count", (), initializer="zeros", trainable=False)

    def call(self, x):
        self.count.assign_add(1.0)
        return x * self.count


def test_what_changes_its_weights_is_refused_by_the_layers_name():
    image = keras.Input((4, 4, 3))
    norm = keras.layers.BatchNormalization(name="in_training")(image, training=True)
    with pytest.raises(
        UserError, match=r"layer 'in_training' \(BatchNormalization\) .* changes its weights at inference"
    ):
        convert(keras.Model(image, norm))
    with pytest.raises(UserError, match=r"layer 'counts' \(Counts\) .* changes its weights at inference"):
        convert(keras.Model(image, Counts(name="counts")(image)))


class Branches(keras.layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight("scale", shape[-1:], initializer=keras.initializers.Constant(3.0))

    def call(self, x):
        return tf.cond(tf.reduce_sum(x) > 0, lambda: x * self.scale, lambda: x - self.scale)


def test_branches_over_weights_convert():
    x = keras.Input((4,))
    model = keras.Model(x, Branches()(x))
    content = convert(model).flatbuffer
    for sign in (-1, 1):
        values = sign * np.arange(1, 5, dtype="float32")[None]
        (got,) = predict(interpreter(content), [values])
        np.testing.assert_allclose(got, model.predict_on_batch(values), rtol=1e-6)


def test_float64_is_named():
    x = keras.Input((4,))
    with pytest.raises(UserError, match=r"computes in float64 in 'wide' \(.*MatMul.*build it with dtype='float32'"):
        convert(keras.Model(x, keras.layers.Dense(3, dtype="float64", name="wide")(x)))


@pytest.mark.parametrize("size", [2, (1, 3)])
def test_an_operator_between_signs_and_convolution_is_named(size):
    image = keras.Input((4, 4, 32))
    x = keras.layers.UpSampling2D(size)(lq.quantizers.SteSign()(image))
    x = lq.layers.QuantConv2D(8, 1, kernel_quantizer="ste_sign", kernel_constraint="weight_clip")(x)
    (conv,) = convert(keras.Model(image, x)).report.convolutions
    assert "a RESIZE_NEAREST_NEIGHBOR stands between its sign and the convolution" in conv.reason
    assert conv.avoidable


def test_weights_beyond_float16_are_refused_by_name():
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Dense(4, name="huge", kernel_initializer=keras.initializers.Constant(1e6))(x))
    with pytest.raises(UserError, match=r"constant '.*huge.*' has values beyond 65504, which float16 cannot hold"):
        convert(model, float_ops="float16")
    assert convert(model, float_ops="int8").report.proof.compared >= 1


def _looping(channels=32):
    """A binary convolution in a while loop."""

    class Loop(keras.layers.Layer):
        def build(self, shape):
            self.conv = lq.layers.QuantConv2D(channels, 1, name="in_the_loop", **BINARY)
            self.conv.build(shape)

        def call(self, x):
            def step(at, value):
                return at + 1, 0.5 * self.conv(value) + x

            return tf.while_loop(lambda at, _: at < 3, step, [tf.constant(0), x])[1]

    image = keras.Input((4, 4, channels))
    return keras.Model(image, Loop(name="loop")(image))


def test_convolutions_in_the_bodies_of_loops_are_counted():
    keras.utils.set_random_seed(0)
    report = convert(_looping()).report
    assert report.subgraphs > 1
    assert [conv.binary for conv in report.convolutions] == [True]
    assert report.operators["LceBconv2d"] == 1
    assert report.convolutions[0].graph > 0
    litert = next(runtime for runtime in report.runtimes if runtime.name == "LiteRT")
    assert litert.missing == ("LceBconv2d", "LceQuantize")
