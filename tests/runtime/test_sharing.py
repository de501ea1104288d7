"""One interpreter in many hands: threads, forked processes, samples that must not see each other, and reals."""

import os
import signal
import threading
import time
import warnings

import models
import numpy as np
import pytest

from larq_el._keras import keras, tf
from larq_el.convert import convert
from larq_el.errors import UserError
from larq_el.runtime import Interpreter
from larq_el.runtime import interpreter as module


@pytest.fixture(scope="module")
def flatbuffer():
    return convert(models.fixed_batch()).flatbuffer


def test_threads_take_turns(flatbuffer):
    interpreter = Interpreter(flatbuffer, num_threads=2)
    inputs = [np.random.default_rng(at).standard_normal((1 + at % 3, 4, 4, 32), dtype=np.float32) for at in range(8)]
    expected = [Interpreter(flatbuffer).predict(x) for x in inputs]
    wrong = []

    def serve(at):
        for _ in range(60):
            if not np.array_equal(interpreter.predict(inputs[at]), expected[at]):
                wrong.append(at)

    threads = [threading.Thread(target=serve, args=(at,)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("num_threads", [1, 2])
def test_a_forked_process_predicts_and_ends(flatbuffer, num_threads):
    x = np.ones((2, 4, 4, 32), np.float32)
    interpreter = Interpreter(flatbuffer, num_threads=num_threads)
    expected = interpreter.predict(x)
    for use in (True, False):
        child = os.fork()
        if child == 0:
            # not pytest's end, but an interpreter's: its destructors run
            same = not use or np.array_equal(interpreter.predict(x), expected)
            del interpreter
            os._exit(0 if same else 1)
        assert _status(child) == 0
    np.testing.assert_array_equal(interpreter.predict(x), expected)


def _status(child, seconds=30):
    for _ in range(10 * seconds):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    return "it hangs"


def _lstm():
    """A fused LSTM, as TFLite's own converter writes it."""
    steps = keras.Input((6, 4), batch_size=1)
    layer = keras.layers.LSTM(8, bias_initializer=keras.initializers.RandomUniform(-1, 1, seed=1))
    model = keras.Model(steps, layer(steps))

    @tf.function(input_signature=[tf.TensorSpec((1, 6, 4))])
    def serve(x):
        return model(x, training=False)

    return model, tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()], model).convert()


def test_no_state_goes_from_one_sample_to_the_next():
    model, content = _lstm()
    x = np.random.default_rng(0).standard_normal((3, 6, 4), dtype=np.float32)
    expected = np.concatenate([model.predict_on_batch(one[None]) for one in x])
    interpreter = Interpreter(content)
    for _ in range(2):
        np.testing.assert_allclose(interpreter.predict(x), expected, atol=1e-5)


class _Counter(tf.Module):
    def __init__(self):
        self.count = tf.Variable(tf.zeros((1, 3)))

    @tf.function(input_signature=[tf.TensorSpec((1, 3))])
    def serve(self, x):
        return x + self.count.assign_add(x)


def test_variables_start_anew_for_each_sample():
    counter = _Counter()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([counter.serve.get_concrete_function()], counter)
    converter.experimental_enable_resource_variables = True
    interpreter = Interpreter(converter.convert())
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    for _ in range(2):
        np.testing.assert_array_equal(interpreter.predict(x), 2 * x)


@pytest.fixture(scope="module")
def quantized():
    """A classifier with int8 input and output, and its Keras model."""
    keras.utils.set_random_seed(3)
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(8, 3, activation="relu")(image)
    model = keras.Model(image, keras.layers.Dense(5)(keras.layers.GlobalAveragePooling2D()(x)))
    images = np.random.default_rng(0).uniform(-1, 1, (64, 8, 8, 3)).astype(np.float32)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "Statistics for quantized inputs were expected": they come from the images
        return model, converter.convert(), images


def test_reals_in_give_reals_out(quantized):
    model, content, images = quantized
    got = Interpreter(content).predict(images)
    expected = model.predict_on_batch(images)
    assert got.dtype == np.float32
    assert np.abs(got - expected).max() < 0.05 * np.abs(expected).max()
    np.testing.assert_array_equal(Interpreter(content).predict(images.astype(np.float64)), got)


def test_the_raw_type_stays_raw(quantized):
    _, content, images = quantized
    interpreter = Interpreter(content)
    scale, zero_point = interpreter._input["quantization"]
    raw = np.clip(np.rint(images / scale) + zero_point, -128, 127).astype(np.int8)
    stored = interpreter.predict(raw)
    assert stored.dtype == np.int8
    (output,) = interpreter._interpreter.get_output_details()
    reals = (stored.astype(np.float32) - output["quantization"][1]) * np.float32(output["quantization"][0])
    np.testing.assert_allclose(interpreter.predict(images), reals, rtol=1e-6)
    with pytest.raises(UserError, match="the input must be finite to be quantized, got nan"):
        interpreter.predict(np.full((1, 8, 8, 3), np.nan, np.float32))
    with pytest.raises(UserError, match="the input must be int8, got uint8"):
        interpreter.predict(raw.astype(np.uint8))


def test_what_the_runtime_raises_is_a_sentence(flatbuffer, monkeypatch):
    interpreter = Interpreter(flatbuffer)

    class Fails:
        def __getattr__(self, name):
            return getattr(inner, name)

        def invoke(self):
            raise RuntimeError("Node number 3 failed to invoke.\n")

    inner = interpreter._interpreter
    interpreter._interpreter = Fails()
    with pytest.raises(UserError, match=r"the model fails on this input: Node number 3 failed to invoke\."):
        interpreter.predict(np.ones((1, 4, 4, 32), np.float32))


@pytest.mark.parametrize("num_threads", [257, 2**31, True])
def test_too_many_threads_are_refused(flatbuffer, num_threads):
    with pytest.raises(UserError, match=f"from 1 to {module.MOST_THREADS}, got {num_threads}"):
        Interpreter(flatbuffer, num_threads=num_threads)


def test_a_model_without_outputs_is_refused(flatbuffer):
    from larq_el.tflite.packing import pack, unpack

    model = unpack(flatbuffer)
    model.subgraphs[0].outputs, model.signatureDefs = [], []
    with pytest.raises(UserError, match="the model has no output: there is nothing to predict"):
        Interpreter(pack(model))
