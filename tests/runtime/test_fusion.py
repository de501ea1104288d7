"""What is computed in one pass with a binary convolution equals what the single operators compute."""

import functools

import numpy as np
import pytest

from larq_el import zoo
from larq_el._keras import keras, lq
from larq_el.convert import convert
from larq_el.errors import UserError
from larq_el.layers import ActivationScale, ElasticLink
from larq_el.runtime import Interpreter, available_isas, load_delegate
from larq_el.runtime.interpreter import stock_interpreter
from larq_el.tflite.lce import lce

BINARY = {
    "input_quantizer": "ste_sign",
    "kernel_quantizer": "ste_sign",
    "kernel_constraint": "weight_clip",
    "use_bias": False,
    "padding": "same",
}
# the methods whose units differ; of narrow models no block of 64 channels is whole, of wide ones all are
MODELS = [
    *((name, 0.25) for name in ("el_resnet26", "el_dagger_resnet26", "reactnet_a", "el_reactnet_c", "el_mobilenet")),
    *((name, 0.25) for name in ("xnor_resnet18", "tbn_resnet18", "abc_3x3_resnet18", "ci_net_resnet18", "mobinet_mid")),
    *((name, 1.0) for name in ("el_resnet26", "s_resnet26", "bi_real_resnet18")),
]


def has_k(name):
    method = zoo.METHODS[zoo.describe(name)["method"]]
    return any("k" in unit.steps for unit in method.units.values())


@functools.cache
def converted(name, width):
    """A flatbuffer of logits, and samples."""
    keras.utils.set_random_seed(0)
    model = zoo.create_model(name, input_shape=(48, 48, 3), classes=10, width=width, classifier_activation=None)
    samples = np.random.default_rng(0).normal(scale=60, size=(8, 48, 48, 3)).astype(np.float32)
    model(samples, training=True)  # BatchNorms that are not the identity
    return convert(model).flatbuffer, samples[:2]


def outputs(flatbuffer, samples, **options):
    """Each output, for one sample after another."""
    interpreter = stock_interpreter(flatbuffer, delegate=load_delegate(**options))
    results = []
    for sample in samples:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], sample[None])
        interpreter.invoke()
        results.append([interpreter.get_tensor(d["index"])[0].copy() for d in interpreter.get_output_details()])
    return [np.stack(parts) for parts in zip(*results, strict=True)]


@pytest.mark.parametrize(("name", "width"), MODELS)
def test_a_fused_network_computes_the_same(name, width):
    flatbuffer, samples = converted(name, width)
    (fused,) = outputs(flatbuffer, samples)
    (single,) = outputs(flatbuffer, samples, fuse="off")
    reference = np.asarray(lce.testing.Interpreter(flatbuffer, use_reference_bconv=True).predict(samples))
    for other in (single, reference):
        if has_k(name):
            # K is a mean, whose terms each runtime adds up in an order of its own: in a network of random weights that
            # may turn over a sign near zero, which all that follows shows. A sample without such a sign agrees.
            apart = np.abs(fused - other).max(axis=1) / np.abs(other).max()
            assert apart.min() < 1e-5
            assert apart.max() < 0.05
        else:
            np.testing.assert_allclose(fused, other, rtol=1e-4, atol=1e-5 * np.abs(other).max())


@pytest.mark.parametrize("isa", ["avx512bw", "avx2", "portable"])
@pytest.mark.parametrize("width", [0.25, 1.0])
def test_every_kernel_fuses_alike(isa, width):
    if isa not in available_isas():
        pytest.skip(f"this CPU cannot run {isa}")
    flatbuffer, samples = converted("el_dagger_resnet26" if width < 1 else "s_resnet26", width)
    (fastest,) = outputs(flatbuffer, samples)
    (other,) = outputs(flatbuffer, samples, isa=isa)
    np.testing.assert_allclose(other, fastest, rtol=1e-5, atol=1e-5 * np.abs(fastest).max())


def test_threads_and_batches_change_no_bit():
    flatbuffer, samples = converted("el_resnet26", 1.0)
    expected = Interpreter(flatbuffer).predict(samples)
    for num_threads in (2, 3, 4):
        np.testing.assert_array_equal(Interpreter(flatbuffer, num_threads=num_threads).predict(samples), expected)
    single = [Interpreter(flatbuffer).predict(sample[None])[0] for sample in samples]
    np.testing.assert_array_equal(single, expected)


def random_norms(model):
    random = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 2, weight.shape) for weight in layer.get_weights()])
    return model


def block(x, channels, strides=1, *, scaled=True):
    """BN(K(x) * BinConv(sign x)) + SEI(x) / gamma."""
    y = lq.layers.QuantConv2D(channels, 1, strides=strides, **BINARY)(x)
    if scaled:
        y = keras.layers.Multiply()([y, ActivationScale(1, strides)(x)])
    y = keras.layers.BatchNormalization()(y)
    return ElasticLink(strides)([y, x])


def fused_operators(model, samples):
    """The profile's operators, after the outputs were compared with those of single operators."""
    flatbuffer = convert(random_norms(model)).flatbuffer
    for fused, single in zip(outputs(flatbuffer, samples), outputs(flatbuffer, samples, fuse="off"), strict=True):
        np.testing.assert_allclose(fused, single, rtol=1e-5, atol=1e-6 * np.abs(single).max())
    return [node.operator for node in Interpreter(flatbuffer).profile(samples[:1], runs=1).nodes]


@pytest.mark.parametrize(
    ("channels", "out"), [(64, 64), (128, 64), (64, 128), (192, 64), (24, 48), (96, 96), (288, 96), (40, 8), (100, 50)]
)
@pytest.mark.parametrize("strides", [1, 2])
def test_squeeze_expand_and_identity_with_k_become_one_operator(channels, out, strides):
    image = keras.Input((6, 5, channels))
    samples = np.random.default_rng(0).normal(size=(2, 6, 5, channels)).astype(np.float32)
    operators = fused_operators(keras.Model(image, block(image, out, strides)), samples)
    # the signs (with K and the sums of groups), and the convolution with all that follows; the stock runtime pools the
    # image, whose groups are then summed in a pass of their own
    stride = ["MEAN"] if strides == 2 else []
    pooled = ["Rows"] if strides == 2 and out < channels else []
    assert sorted(operators) == sorted(["Rows", "LceBconv2d", *stride, *pooled])


def test_the_pool_between_two_blocks_stays_with_them():
    image = keras.Input((7, 6, 64))
    samples = np.random.default_rng(0).normal(size=(2, 7, 6, 64)).astype(np.float32)
    operators = fused_operators(keras.Model(image, block(block(image, 256), 128, 2)), samples)
    assert sorted(operators) == sorted(["Rows", "LceBconv2d", "MAX_POOL_2D", "Rows", "MEAN", "LceBconv2d"])


def test_an_intermediate_tensor_that_others_read_is_kept():
    image = keras.Input((6, 5, 64))
    samples = np.random.default_rng(0).normal(size=(2, 6, 5, 64)).astype(np.float32)
    conv = lq.layers.QuantConv2D(64, 3, **BINARY)(image)
    norm = keras.layers.BatchNormalization()(conv)
    link = ElasticLink()([norm, image])
    # the convolution, its BatchNorm and the link are outputs, and read again
    again = block(link, 64)
    fused_operators(keras.Model(image, [conv, norm, link, keras.layers.Add()([again, norm])]), samples)


def test_a_link_around_a_float_convolution_needs_no_native_operator():
    image = keras.Input((6, 5, 64))
    y = keras.layers.Conv2D(64, 1)(image)
    x = lq.layers.QuantConv2D(64, 1, **BINARY)(ElasticLink()([y, image]))
    samples = np.random.default_rng(0).normal(size=(2, 6, 5, 64)).astype(np.float32)
    # the sum stays with the runtime that computes its operands: the native part begins at the signs
    assert fused_operators(keras.Model(image, x), samples) == ["Rows", "LceBconv2d"]


def test_activations_and_negative_bias_join_the_pass():
    image = keras.Input((6, 5, 64))
    samples = np.random.default_rng(0).normal(size=(2, 6, 5, 64)).astype(np.float32)
    x = keras.layers.PReLU("he_normal", shared_axes=[1, 2])(lq.layers.QuantConv2D(64, 1, **BINARY)(image))
    x = keras.layers.ReLU()(keras.layers.Add()([keras.layers.BatchNormalization()(x), image]))
    x = lq.layers.QuantConv2D(64, 1, **BINARY)(keras.layers.BatchNormalization()(x))
    operators = fused_operators(keras.Model(image, x), samples)
    assert operators.count("LceBconv2d") == 2


def test_the_profile_names_the_layers_that_were_fused():
    flatbuffer, samples = converted("el_resnet26", 1.0)
    profile = Interpreter(flatbuffer).profile(samples[:1], runs=3)
    (node,) = (n for n in profile.nodes if "stage2_block2_expand_link" in n.layers)
    assert node.operator == "LceBconv2d"
    assert node.layers[-2:] == ("stage2_block2_expand_link", "stage2_block2_add")
    assert sum(n.operator == "LceBconv2d" for n in profile.nodes) == 24
    assert profile.total_ms >= sum(n.milliseconds for n in profile.nodes) > 0
    assert profile.stock_ms == pytest.approx(profile.total_ms - sum(n.milliseconds for n in profile.nodes))
    assert "stage2_block2_expand_link" in str(profile)


def test_a_graph_that_is_cut_within_a_pattern_runs_and_is_profiled_unfused():
    image = keras.Input((6, 5, 128))
    one = {**BINARY, "filters": 64, "kernel_size": 1}
    # the groups of the image are there before the runtime's own sigmoid, what they are added to is there behind it
    y = keras.layers.Activation("sigmoid")(lq.layers.QuantConv2D(**one)(image))
    y = keras.layers.BatchNormalization()(lq.layers.QuantConv2D(**one)(y))
    model = keras.Model(image, lq.layers.QuantConv2D(name="last", **one)(ElasticLink()([y, image])))
    flatbuffer = convert(random_norms(model)).flatbuffer
    samples = np.random.default_rng(0).normal(size=(2, 6, 5, 128)).astype(np.float32)
    with pytest.raises(UserError, match=r"^the model cannot run: a fused operator: .*; give the option fuse=off\.$"):
        stock_interpreter(flatbuffer, delegate=load_delegate())
    (expected,) = outputs(flatbuffer, samples, fuse="off")
    interpreter = Interpreter(flatbuffer)
    np.testing.assert_array_equal(interpreter.predict(samples), expected)
    operators = [node.operator for node in interpreter.profile(samples[:1], runs=1).nodes]
    assert operators.count("LceBconv2d") == 3
    assert operators.count("LceQuantize") == 3  # of their own, as nothing is fused


def test_a_profile_takes_one_sample_and_at_least_one_run():
    flatbuffer, samples = converted("el_resnet26", 1.0)
    interpreter = Interpreter(flatbuffer)
    with pytest.raises(UserError, match=r"profile takes 1 sample\(s\), got 2"):
        interpreter.profile(samples)
    with pytest.raises(UserError, match="runs must be at least 1, got 0"):
        interpreter.profile(samples[:1], runs=0)
