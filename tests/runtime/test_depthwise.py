"""Binary depthwise convolutions on bits: what LceDequantize and DEPTHWISE_CONV_2D would compute in float."""

import numpy as np
import pytest

from larq_el import zoo
from larq_el._keras import keras, lq
from larq_el.convert import convert
from larq_el.runtime import Interpreter, available_isas, load_delegate
from larq_el.runtime.interpreter import stock_interpreter
from larq_el.tflite.lce import lce

SIGNS = {"input_quantizer": "ste_sign", "depthwise_quantizer": "ste_sign", "use_bias": False}


def converted(build, shape=(9, 11, 40), seed=0):
    """A flatbuffer, and a batch of inputs."""
    keras.utils.set_random_seed(seed)
    image = keras.Input(shape)
    model = keras.Model(image, build(image))
    samples = np.random.default_rng(seed).normal(size=(3, *shape)).astype(np.float32)
    model(samples, training=True)  # BatchNorms that are not the identity
    return convert(model, proof=False).flatbuffer, samples


def operators(flatbuffer):
    """Names of what the delegate computes in one inference."""
    interpreter = Interpreter(flatbuffer)
    return [
        node.operator for node in interpreter.profile(np.zeros((1, *interpreter.input_shape[1:]), np.float32)).nodes
    ]


def check(flatbuffer, samples, isa=None):
    wanted = np.concatenate([lce.testing.Interpreter(flatbuffer).predict(sample[None]) for sample in samples])
    for options in ({}, {"num_threads": 2}):
        found = Interpreter(flatbuffer, isa=isa, **options).predict(samples)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def scaled(x):
    """A BatchNorm, which the converter folds into the kernel's magnitudes and the bias."""
    return keras.layers.BatchNormalization(gamma_initializer="random_uniform", beta_initializer="random_normal")(x)


@pytest.mark.parametrize("channels", [1, 8, 31, 32, 33, 64, 100, 512, 600])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_channels_and_padding(channels, padding):
    def build(x):
        return scaled(lq.layers.QuantDepthwiseConv2D(3, padding=padding, **SIGNS)(x))

    flatbuffer, samples = converted(build, (9, 11, channels))
    assert "BinaryDepthwise" in operators(flatbuffer)
    check(flatbuffer, samples)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
@pytest.mark.parametrize(("strides", "dilation"), [(1, 1), (2, 1), (3, 1), (1, 2), (1, 3)])
def test_windows(size, strides, dilation):
    def build(x):
        conv = lq.layers.QuantDepthwiseConv2D(size, strides, padding="same", dilation_rate=dilation, **SIGNS)
        return keras.layers.ReLU()(conv(x))

    check(*converted(build))


@pytest.mark.parametrize("isa", ["avx512vpopcnt", "avx512bw", "avx2", "neon", "portable"])
def test_every_kernel(isa):
    if isa not in available_isas():
        pytest.skip(f"this CPU cannot run {isa}")
    check(*converted(lambda x: scaled(lq.layers.QuantDepthwiseConv2D(3, padding="same", **SIGNS)(x))), isa=isa)


def test_what_follows_is_fused():
    """BatchNorm behind a ReLU, a link and the next signs, as in EL-MobileNet."""

    def build(x):
        y = lq.layers.QuantDepthwiseConv2D(3, padding="same", **SIGNS)(x)
        y = keras.layers.Add()([scaled(keras.layers.ReLU()(y)), x])
        conv = lq.layers.QuantConv2D(64, 1, input_quantizer="ste_sign", kernel_quantizer="ste_sign", use_bias=False)
        return keras.layers.Concatenate()([scaled(conv(y)), y])

    flatbuffer, samples = converted(build)
    check(flatbuffer, samples)
    assert operators(flatbuffer) == ["Rows", "BinaryDepthwise", "LceBconv2d"]


@pytest.mark.parametrize("size", [1, 3, 5, (3, 2)])
@pytest.mark.parametrize(("strides", "dilation"), [(1, 1), (2, 1), (1, 2)])
def test_padding_with_ones(size, strides, dilation):
    def build(x):
        options = {"padding": "same", "pad_values": 1, "dilation_rate": dilation}
        return scaled(lq.layers.QuantDepthwiseConv2D(size, strides, **options, **SIGNS)(x))

    flatbuffer, samples = converted(build)
    assert operators(flatbuffer) == ["Rows", "BinaryDepthwise"]
    check(flatbuffer, samples)


@pytest.mark.parametrize("activation", ["relu", "relu6"])
def test_activations(activation):
    conv = lq.layers.QuantDepthwiseConv2D(3, padding="same", activation=activation, **SIGNS)
    flatbuffer, samples = converted(conv)
    assert operators(flatbuffer) == ["Rows", "BinaryDepthwise"]
    check(flatbuffer, samples)


@pytest.mark.parametrize(("size", "on_bits"), [(11, True), (12, False)])
def test_large_windows(size, on_bits):
    """Sums of more than 127 taps do not fit into bytes."""
    flatbuffer, samples = converted(lq.layers.QuantDepthwiseConv2D(size, padding="same", **SIGNS), (13, 14, 40))
    assert ("BinaryDepthwise" in operators(flatbuffer)) == on_bits
    check(flatbuffer, samples)


def test_signs_that_others_read_too_are_computed_for_them():
    def build(x):
        signs = lq.quantizers.SteSign()(x)
        conv = lq.layers.QuantDepthwiseConv2D(3, padding="same", depthwise_quantizer="ste_sign", use_bias=False)
        return keras.layers.Add()([conv(signs), signs])

    flatbuffer, samples = converted(build)
    check(flatbuffer, samples)
    assert {"LceDequantize", "BinaryDepthwise"} <= set(operators(flatbuffer))


def test_signs_that_are_an_output_too():
    def build(x):
        signs = lq.quantizers.SteSign()(x)
        conv = lq.layers.QuantDepthwiseConv2D(3, padding="same", depthwise_quantizer="ste_sign", use_bias=False)
        return [signs, conv(signs)]

    flatbuffer, samples = converted(build)
    # the delegate itself takes the graph: the Interpreter would turn to fuse=off without a word
    stock = stock_interpreter(flatbuffer, delegate=load_delegate())
    stock.set_tensor(stock.get_input_details()[0]["index"], samples[:1])
    stock.invoke()
    found = [stock.get_tensor(detail["index"]) for detail in stock.get_output_details()]
    wanted = lce.testing.Interpreter(flatbuffer).predict(samples[:1])
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    assert {"LceDequantize", "BinaryDepthwise"} <= set(operators(flatbuffer))


@pytest.mark.parametrize("kernel", ["float", "mixed"])
def test_kernels_that_are_no_signs_stay_float(kernel):
    def build(x):
        quantizer = None if kernel == "float" else lq.quantizers.SteTern()
        conv = lq.layers.QuantDepthwiseConv2D(
            3, padding="same", input_quantizer="ste_sign", depthwise_quantizer=quantizer, use_bias=False
        )
        return conv(x)

    flatbuffer, samples = converted(build)
    check(flatbuffer, samples)
    assert "BinaryDepthwise" not in operators(flatbuffer)


def test_several_images_and_other_sizes():
    """A plan is prepared again for each shape of its input."""
    conv = lq.layers.QuantDepthwiseConv2D(3, padding="same", **SIGNS)
    flatbuffer, _ = converted(conv)
    signs = np.where(conv.depthwise_kernel.numpy()[..., 0] >= 0, 1.0, -1.0)
    stock = stock_interpreter(flatbuffer, delegate=load_delegate())
    for shape in ((2, 9, 11, 40), (1, 1, 1, 40), (3, 30, 2, 40)):
        stock.resize_tensor_input(stock.get_input_details()[0]["index"], shape)
        stock.allocate_tensors()
        x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
        stock.set_tensor(stock.get_input_details()[0]["index"], x)
        stock.invoke()
        found = stock.get_tensor(stock.get_output_details()[0]["index"])
        np.testing.assert_allclose(found, by_loops(np.where(x >= 0, 1.0, -1.0), signs), atol=1e-5)


def by_loops(x, kernel):
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = x.shape[1:3]
    return sum(padded[:, i : i + height, j : j + width] * kernel[i, j] for i in range(3) for j in range(3))


@pytest.mark.parametrize("name", ["el_mobilenet", "bi_real_mobilenet"])
def test_networks(name):
    keras.utils.set_random_seed(0)
    model = zoo.create_model(name, input_shape=(64, 64, 3), classes=10, width=0.5, classifier_activation=None)
    samples = np.random.default_rng(0).normal(scale=60, size=(8, 64, 64, 3)).astype(np.float32)
    model(samples, training=True)
    flatbuffer = convert(model, proof=False).flatbuffer
    wanted = np.concatenate([lce.testing.Interpreter(flatbuffer).predict(sample[None]) for sample in samples[:2]])
    np.testing.assert_allclose(Interpreter(flatbuffer).predict(samples[:2]), wanted, rtol=1e-3, atol=1e-3)
