"""int8 convolutions in the delegate equal those of the stock runtime to the bit, and what follows them does too."""

import functools
from unittest import mock

import numpy as np
import pytest

from larq_el import zoo
from larq_el._keras import keras, lq
from larq_el.convert import convert
from larq_el.convert.quantization import quantize
from larq_el.runtime import available_isas, load_delegate
from larq_el.runtime.delegate import read_profile
from larq_el.runtime.interpreter import stock_interpreter
from larq_el.runtime.stock import stock_runtime

RESTS = ("int8", "int8-static")
BINARY = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "use_bias": False}


def randomized(model, seed=0):
    """The model with BatchNorms that are not the identity and biases that are not zero."""
    rng = np.random.default_rng(seed)
    model.set_weights(
        [w + 0.1 * np.abs(rng.standard_normal(w.shape)) if w.ndim == 1 else w for w in model.get_weights()]
    )
    return model


def in_int8(model, rest, samples):
    """A flatbuffer all of whose convolutions are int8: the converter otherwise keeps the first small ones."""
    with mock.patch.object(quantize, "EXACT_SHARE", 0.0):
        calibrated = samples if rest == "int8-static" else None
        return convert(model, float_ops=rest, samples=calibrated, proof=False).flatbuffer


def converted(build, shape, rest, seed=0):
    """A flatbuffer, and samples that it was calibrated on."""
    keras.utils.set_random_seed(seed)
    image = keras.Input(shape)
    samples = np.random.default_rng(seed).normal(size=(4, *shape)).astype(np.float32)
    return in_int8(randomized(keras.Model(image, build(image))), rest, samples), samples


def int8_models():
    """Flatbuffers and samples, by name, of what a runtime has kernels of its own for."""
    return {
        f"{name}-{rest}": converted(build, (10, 11, 37), rest)
        for rest in RESTS
        for name, build in (("product", shortcut(70, pool=True)), ("window", shortcut(70, 3, strides=2)))
    }


def outputs(flatbuffer, samples, threads=1, **options):
    """All outputs for a batch, and the names of what the delegate computed."""
    delegate = load_delegate(profile="on", **options)
    interpreter = stock_interpreter(flatbuffer, delegate=delegate, num_threads=threads)
    detail = interpreter.get_input_details()[0]
    interpreter.resize_tensor_input(detail["index"], samples.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(detail["index"], samples)
    interpreter.invoke()
    found = [interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()]
    return found, [line.split()[0] for line in read_profile(delegate).splitlines()]


def has_int8(names):
    return any("Int8Conv" in name for name in names)


def check(flatbuffer, samples, isas=(None,)):
    """The stock runtime has the convolutions where the delegate leaves them."""
    for isa in isas:
        wanted, left = outputs(flatbuffer, samples, int8="off", isa=isa)
        assert not has_int8(left)
        for threads in (1, 2):
            found, names = outputs(flatbuffer, samples, threads, int8="always", isa=isa)
            assert has_int8(names)
            for one, other in zip(found, wanted, strict=True):
                np.testing.assert_array_equal(one, other)


def shortcut(filters, size=1, pool=False, **options):
    """A residual block: a binary convolution, and one of reals beside it."""

    def build(x):
        strides = options.get("strides", 1) * (2 if pool else 1)
        y = lq.layers.QuantConv2D(filters, 3, strides=strides, padding="same", **BINARY)(x)
        z = keras.layers.AveragePooling2D(2, padding="same")(x) if pool else x
        z = keras.layers.Conv2D(filters, size, padding="same", **options)(z)
        y = keras.layers.Add()([keras.layers.BatchNormalization()(y), keras.layers.BatchNormalization()(z)])
        signs = lq.layers.QuantConv2D(64, 1, **BINARY)(y)
        return [y, keras.layers.BatchNormalization()(signs)]

    return build


@pytest.mark.parametrize("rest", RESTS)
@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize(("channels", "filters"), [(3, 5), (16, 64), (33, 65), (64, 128), (130, 100)])
def test_channels(rest, pool, channels, filters):
    check(*converted(shortcut(filters, pool=pool), (9, 12, channels), rest))


@pytest.mark.parametrize("rest", RESTS)
@pytest.mark.parametrize("size", [1, 3, (5, 2), 7])
@pytest.mark.parametrize(("strides", "dilation"), [(1, 1), (2, 1), (1, 2)])
def test_windows(rest, size, strides, dilation):
    check(*converted(shortcut(40, size, strides=strides, dilation_rate=dilation), (9, 7, 20), rest))


@pytest.mark.parametrize("rest", RESTS)
@pytest.mark.parametrize("activation", ["relu", "relu6"])
def test_activations(rest, activation):
    def build(x):
        y = lq.layers.QuantConv2D(24, 3, padding="same", **BINARY)(x)
        return keras.layers.Add()([y, keras.layers.Conv2D(24, 3, padding="same", activation=activation)(x)])

    check(*converted(build, (6, 7, 24), rest))


@pytest.mark.parametrize("rest", RESTS)
@pytest.mark.parametrize("isa", ["avx512vpopcnt", "avx512bw", "avx2", "neon", "portable"])
def test_every_kernel(rest, isa):
    if isa not in available_isas():
        pytest.skip(f"this CPU cannot run {isa}")
    for build in (shortcut(70, pool=True), shortcut(70, 3)):
        check(*converted(build, (10, 11, 37), rest), isas=[isa])


@functools.cache
def network(name, width, size, rest):
    keras.utils.set_random_seed(0)
    model = zoo.create_model(name, input_shape=(size, size, 3), classes=10, width=width, classifier_activation=None)
    samples = np.random.default_rng(0).normal(scale=60, size=(8, size, size, 3)).astype(np.float32)
    model(samples, training=True)
    return in_int8(model, rest, samples), samples[:2]


@pytest.mark.parametrize("rest", RESTS)
@pytest.mark.parametrize(
    ("name", "width", "size"),
    [("el_resnet26", 0.25, 64), ("el_resnet26", 0.25, 75), ("el_resnet18", 1.0, 48), ("el_reactnet_c", 0.25, 64)],
)
def test_networks(rest, name, width, size):
    check(*network(name, width, size, rest), isas=available_isas())


def test_extreme_values():
    """Images of zeros, of one value, of tiny and of huge ones, each with a scale of its own."""
    flatbuffer, samples = converted(shortcut(32, 3), (5, 6, 16), "int8")
    scales = np.array([0.0, 1e-30, 1.0, 1e30], np.float32).reshape(4, 1, 1, 1)
    check(flatbuffer, samples * scales)
    check(flatbuffer, np.abs(samples))
    check(flatbuffer, np.full_like(samples, -3.0))


def test_not_a_number_and_infinity_end_well():
    flatbuffer, samples = converted(shortcut(32, 3), (5, 6, 16), "int8")
    for value in (np.nan, np.inf, -np.inf):
        samples[1, 2, 3, 4] = value
        for isa in available_isas():
            found, _ = outputs(flatbuffer, samples, int8="always", isa=isa)
            wanted, _ = outputs(flatbuffer, samples, int8="off")
            np.testing.assert_array_equal(found[0][0], wanted[0][0])  # the image beside it


@pytest.mark.parametrize("rest", RESTS)
def test_tflites_own_kernels_round_otherwise(rest):
    """Without XNNPACK a product of reals has one scale an image, and static sums another rounding: seldom far off."""
    flatbuffer, samples = converted(shortcut(64, 3), (12, 12, 64), rest)
    found, _ = outputs(flatbuffer, samples, int8="always")
    runtime = stock_runtime()
    own = runtime.Interpreter(
        model_content=flatbuffer,
        experimental_delegates=[load_delegate(int8="off")],
        experimental_op_resolver_type=runtime.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    own.resize_tensor_input(own.get_input_details()[0]["index"], samples.shape)
    own.allocate_tensors()
    own.set_tensor(own.get_input_details()[0]["index"], samples)
    own.invoke()
    values = own.get_tensor(own.get_output_details()[0]["index"])
    apart = np.abs(values - found[0]) / np.abs(found[0]).max()
    assert np.quantile(apart, 0.98) < 1e-6
    assert apart.max() < 0.02


def test_a_graph_without_binary_operators_is_left():
    image = keras.Input((8, 8, 16))
    model = keras.Model(image, keras.layers.Conv2D(64, 1)(image))
    flatbuffer = in_int8(model, "int8", None)
    _, names = outputs(flatbuffer, np.zeros((1, 8, 8, 16), np.float32), int8="always")
    assert names == []


def test_an_average_that_is_an_output_too():
    def build(x):
        y = lq.layers.QuantConv2D(32, 3, strides=2, padding="same", **BINARY)(x)
        z = keras.layers.AveragePooling2D(2)(lq.quantizers.SteSign()(x))
        return [z, keras.layers.Add()([y, keras.layers.Conv2D(32, 1)(z)])]

    check(*converted(build, (8, 8, 32), "int8"))


@pytest.mark.parametrize("value", ["off", "on", "always"])
def test_the_option(value):
    load_delegate(int8=value)


def test_the_option_has_no_other_value():
    with pytest.raises(ValueError, match="int8' is on or off, or always, not 'fast'"):
        load_delegate(int8="fast")
