"""Which operators get int8, and int8 whose ranges are known beforehand."""

import json

import numpy as np
import pytest

from larq_el import runtime, zoo
from larq_el._keras import keras, lq
from larq_el.cli.app import group
from larq_el.cli.exit import run
from larq_el.convert import convert, inspect, verify
from larq_el.convert.quantization.calibration import calibration_count, ranges
from larq_el.convert.quantization.quantize import EXACT_SHARE, exact_operators, quantize_float_ops
from larq_el.errors import UserError
from larq_el.tflite.flatbuffer import Flatbuffer


@pytest.fixture(scope="module")
def samples():
    return np.random.default_rng(0).normal(size=(40, 8, 8, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def resnet():
    """Its flatbuffer in float32: a stem, four shortcuts, the classifier."""
    return Flatbuffer(convert(zoo.ELResNet26(input_shape=(32, 32, 3), classes=10, width=0.25)).flatbuffer)


def weights(flatbuffer, kinds=("CONV_2D", "FULLY_CONNECTED")):
    return [node.input(1).dtype for node in flatbuffer.operators if node.name in kinds]


@pytest.mark.parametrize("float_ops", ["int8", "int8-static"])
def test_the_first_operators_keep_float32(resnet, float_ops):
    kept = exact_operators(resnet)
    # the stem and the first shortcut; the next one has 64 * 128 weights, more than the file may grow
    assert [node.input(1).shape for node in kept] == [(16, 3, 3, 3), (64, 1, 1, 16)]
    images = [np.random.default_rng(0).normal(size=(4, 32, 32, 3)).astype(np.float32)]
    small = quantize_float_ops(resnet, float_ops, images)
    assert weights(resnet) == ["float32"] * 6
    assert weights(small) == ["float32"] * 2 + ["int8"] * 4
    for before, after in zip(kept, [node for node in small.operators if node.name == "CONV_2D"], strict=False):
        assert np.array_equal(before.input(1).data, after.input(1).data)


def test_they_cost_few_bytes(resnet, monkeypatch):
    small = len(quantize_float_ops(resnet, "int8").content)
    monkeypatch.setattr("larq_el.convert.quantization.quantize.EXACT_SHARE", 0)
    least = len(quantize_float_ops(resnet, "int8").content)
    assert weights(quantize_float_ops(resnet, "int8")) == ["int8"] * 6
    assert least < small < (1 + EXACT_SHARE) * least


def test_operators_behind_the_last_sign_get_int8(linked_model, monkeypatch):
    monkeypatch.setattr("larq_el.convert.quantization.quantize.EXACT_SHARE", 10)
    content = Flatbuffer(convert(linked_model).flatbuffer)
    assert weights(content) == ["float32", "float32"]
    assert [node.name for node in exact_operators(content)] == ["CONV_2D"]
    assert weights(quantize_float_ops(content, "int8")) == ["float32", "int8"]


def test_a_model_without_signs_gets_int8_throughout(monkeypatch):
    monkeypatch.setattr("larq_el.convert.quantization.quantize.EXACT_SHARE", 10)
    image = keras.Input((4, 4, 3))
    content = convert(keras.Model(image, keras.layers.Conv2D(8, 3)(keras.layers.Conv2D(8, 1)(image)))).flatbuffer
    assert exact_operators(Flatbuffer(content)) == []


@pytest.fixture(scope="module")
def depthwise():
    """Depthwise convolutions of signs with signs, of signs with reals, and of reals with signs."""
    image = keras.Input((8, 8, 32))
    signs = {"depthwise_quantizer": "ste_sign", "use_bias": False, "padding": "same"}
    x = lq.layers.QuantDepthwiseConv2D(3, input_quantizer="ste_sign", pad_values=1, **signs)(image)
    x = keras.layers.BatchNormalization(gamma_initializer="random_uniform")(x)
    x = lq.layers.QuantDepthwiseConv2D(3, input_quantizer="ste_sign", padding="same")(x)
    x = lq.layers.QuantDepthwiseConv2D(3, **signs)(x)
    return Flatbuffer(convert(keras.Model(image, x)).flatbuffer)


@pytest.mark.parametrize("float_ops", ["float16", "int8", "int8-static"])
def test_depthwise_convolutions_of_signs_keep_their_kernels(depthwise, float_ops, monkeypatch):
    monkeypatch.setattr("larq_el.convert.quantization.quantize.EXACT_SHARE", 0)
    images = np.random.default_rng(0).normal(size=(4, 8, 8, 32)).astype(np.float32)
    small = quantize_float_ops(depthwise, float_ops, [images])
    before, after = ([node for node in one.operators if node.name == "DEPTHWISE_CONV_2D"] for one in (depthwise, small))
    short = "float16" if float_ops == "float16" else "int8"
    assert [node.input(1).data.dtype for node in after] == ["float32", short, short]
    assert np.array_equal(before[0].input(1).data, after[0].input(1).data)
    # and the runtime computes them on bits
    nodes = runtime.Interpreter(small.content).profile(images[:1]).nodes
    assert [node.operator for node in nodes].count("BinaryDepthwise") == 1


def test_ranges_are_the_extremes_of_all_samples(linked_model, samples):
    content = Flatbuffer(convert(linked_model).flatbuffer)
    found = ranges(content, [samples], ["CONV_2D"])
    stem = keras.Model(linked_model.inputs, linked_model.get_layer("stem").output).predict_on_batch(samples)
    (node,) = [node for node in content.operators if node.name == "CONV_2D"]
    assert list(found) == [node.input(0).name, node.outputs[0].name]
    image, output = found.values()
    assert (image["min"].item(), image["max"].item()) == (samples.min(), samples.max())
    assert output["min"].item() == pytest.approx(stem.min(), rel=1e-5)
    assert output["max"].item() == pytest.approx(stem.max(), rel=1e-5)
    assert ranges(content, [samples], ["CONV_3D"]) == {}


def test_the_first_half_calibrates_at_most_500():
    assert [calibration_count(count) for count in (2, 3, 999, 1000, 10_000)] == [1, 1, 499, 500, 500]
    with pytest.raises(UserError, match="calibration needs at least 2 samples, one of them to measure on, got 1"):
        calibration_count(1)


def test_static_int8_computes_in_every_runtime(linked_model, samples):
    labels = linked_model.predict_on_batch(samples).argmax(axis=-1)
    conversion = convert(linked_model, float_ops="int8-static", samples=samples, labels=labels)
    check = conversion.report.float_check
    assert (check.float_ops, check.samples, check.calibrated_on, check.top1_before) == ("int8-static", 20, 20, 1.0)
    # random weights: int8 turns signs over that lie close to zero
    assert check.top1_after == check.agreement >= 0.5
    content = Flatbuffer(conversion.flatbuffer)
    # the stem and the classifier compute in int8 between a QUANTIZE and a DEQUANTIZE each
    whole = [node for node in content.operators if node.name in ("CONV_2D", "FULLY_CONNECTED")]
    assert [(node.input(0).dtype, node.outputs[0].dtype) for node in whole] == [("int8", "int8")] * 2
    assert [sum(node.name == name for node in content.operators) for name in ("QUANTIZE", "DEQUANTIZE")] == [2, 2]
    assert all(tensor.dtype == "float32" for tensor in inspect(conversion.flatbuffer).inputs)
    assert inspect(conversion.flatbuffer).to_dict()["runtimes"][-1]["runs"]
    verification = verify(linked_model, conversion.flatbuffer, samples[20:], min_agreement=0.5)
    assert verification.top1_agreement == check.agreement
    native = runtime.Interpreter(conversion.flatbuffer).predict(samples[20:]).argmax(axis=-1)
    assert (native == labels[20:]).mean() == pytest.approx(check.agreement, abs=0.1)


def test_static_int8_of_a_float_network_is_close():
    """No signs, so that nothing turns over: what the grid of 8 bits costs is what its step is worth."""
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(16, 3, activation="relu")(image)
    x = keras.layers.DepthwiseConv2D(3, activation="relu")(x)
    model = keras.Model(image, keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(x)))
    images = np.random.default_rng(1).uniform(-1, 1, (100, 8, 8, 3)).astype(np.float32)
    content = convert(model, float_ops="int8-static", samples=images).flatbuffer
    expected = model.predict_on_batch(images)
    got = runtime.Interpreter(content).predict(images)
    step = np.ptp(expected) / 255
    assert np.abs(got - expected).mean() < 2 * step
    assert weights(Flatbuffer(content), ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")) == ["int8"] * 3


@pytest.mark.parametrize("float_ops", ["int8", "int8-static"])
def test_a_transposed_convolution_gets_int8_weights_and_runs(float_ops):
    image = keras.Input((4, 4, 8))
    model = keras.Model(image, keras.layers.Conv2DTranspose(8, 3, use_bias=False)(image))
    images = np.random.default_rng(0).normal(size=(4, 4, 4, 8)).astype(np.float32)
    conversion = convert(model, float_ops=float_ops, samples=images)
    content = Flatbuffer(conversion.flatbuffer)
    # as int8 they are the input of a DEQUANTIZE
    assert [node.name for node in content.operators] == ["DEQUANTIZE", "TRANSPOSE_CONV"]
    assert content.operators[0].input(0).dtype == "int8"
    assert verify(model, conversion.flatbuffer, images, min_agreement=0).mean_abs_diff < 0.01


def test_static_int8_needs_samples(linked_model, samples, tmp_path, capsys):
    with pytest.raises(UserError, match="float_ops 'int8-static' needs samples .*: give some hundred real inputs"):
        convert(linked_model, float_ops="int8-static")
    with pytest.raises(UserError, match="calibration needs at least 2 samples"):
        convert(linked_model, float_ops="int8-static", samples=samples[:1])
    with pytest.raises(UserError, match=r"samples must have shape \(N, 8, 8, 3\)"):
        convert(linked_model, float_ops="int8-static", samples=samples[:, :4])
    with pytest.raises(UserError, match=r"labels must have shape \(40,\), .*, got \(20,\)"):
        convert(linked_model, float_ops="int8-static", samples=samples, labels=np.zeros(20, int))
    assert run(group, ["convert", "resnet26", "-o", str(tmp_path / "m.tflite"), "--float-ops", "int8-static"]) == 2
    assert "'int8-static' needs samples" in capsys.readouterr().err


def test_the_command_says_what_calibrated(linked_model, samples, tmp_path, capsys):
    linked_model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "samples.npz", image=samples)
    files = [tmp_path / name for name in ("model.keras", "m.tflite", "samples.npz", "r.json")]
    args = ["convert", files[0], "-o", files[1], "--samples", files[2], "--report", files[3]]
    assert run(group, [*map(str, args), "--float-ops", "int8-static"]) == 0
    assert "of 20 samples; calibrated on 20 other samples; " in capsys.readouterr().out
    assert json.loads(files[3].read_text())["float_check"]["calibrated_on"] == 20
