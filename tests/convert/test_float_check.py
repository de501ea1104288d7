"""What fewer bits in the float rest cost, measured on samples."""

import json
import re

import numpy as np
import pytest

from larq_el._keras import keras
from larq_el.cli.app import group
from larq_el.cli.exit import run
from larq_el.convert import convert
from larq_el.convert.quantization.check import difference_of
from larq_el.errors import UserError
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.inputs import in_batches


@pytest.fixture(scope="module")
def samples():
    return np.random.default_rng(0).normal(size=(40, 8, 8, 3)).astype(np.float32)


@pytest.mark.parametrize("float_ops", ["float16", "int8"])
def test_accuracy_and_size_before_and_after(linked_model, samples, float_ops):
    labels = linked_model.predict_on_batch(samples).argmax(axis=-1)
    conversion = convert(linked_model, float_ops=float_ops, samples=samples, labels=labels)
    check = conversion.report.float_check
    assert (check.float_ops, check.samples, check.top1_before) == (float_ops, 40, 1.0)
    # random weights: int8 turns signs over that lie close to zero
    assert check.top1_after == check.agreement >= (0.9 if float_ops == "float16" else 0.5)
    assert check.bytes_after == len(conversion.flatbuffer)
    assert check.bytes_before == len(convert(linked_model).flatbuffer)
    assert json.loads(json.dumps(conversion.report.to_dict()))["float_check"]["samples"] == 40
    # each sample is right before, and wrong after with probability p: the mean's standard error is sqrt(p (1 - p) / 40)
    assert check.top1_error == pytest.approx(np.sqrt(check.top1_after * (1 - check.top1_after) / 40))


def test_without_labels_only_the_agreement_is_known(linked_model, samples):
    check = convert(linked_model, float_ops="int8", samples=samples).report.float_check
    assert (check.top1_before, check.top1_after, check.top1_error) == (None, None, None)
    assert convert(linked_model, float_ops="int8").report.float_check is None
    assert convert(linked_model, samples=samples).report.float_check is None


def test_samples_and_labels_have_to_fit(linked_model, samples):
    with pytest.raises(UserError, match=r"samples must have shape \(N, 8, 8, 3\)"):
        convert(linked_model, float_ops="int8", samples=samples[:, :4])
    with pytest.raises(UserError, match=r"labels must have shape \(40,\), .*, got \(39,\)"):
        convert(linked_model, float_ops="int8", samples=samples, labels=np.zeros(39, int))
    with pytest.raises(UserError, match="'linked' has 1 inputs and samples are given for 2"):
        convert(linked_model, float_ops="int8", samples=[samples, samples])


def test_several_inputs_come_in_the_models_order():
    first, second = keras.Input((3,), name="b"), keras.Input((4,), name="a")
    dense = keras.layers.Dense(5)(keras.layers.Concatenate()([first, second]))
    model = keras.Model([first, second], dense)
    generator = np.random.default_rng(1)
    arrays = [generator.normal(size=(30, size)).astype(np.float32) for size in (3, 4)]
    labels = model.predict_on_batch(arrays).argmax(axis=-1)
    check = convert(model, float_ops="float16", samples=arrays, labels=labels).report.float_check
    assert check.top1_before == 1.0


def test_the_command_prints_and_reports_it(linked_model, samples, tmp_path, capsys):
    linked_model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "samples.npz", image=samples, labels=linked_model.predict_on_batch(samples).argmax(axis=-1))
    args = ["convert", tmp_path / "model.keras", "-o", tmp_path / "m.tflite", "--samples", tmp_path / "samples.npz"]
    args = list(map(str, args))
    assert run(group, [*args, "--float-ops", "int8", "--report", str(tmp_path / "r.json")]) == 0
    printed = capsys.readouterr().out
    assert "int8: top-1 100.00% before and " in printed
    assert "(standard error of the difference " in printed
    assert json.loads((tmp_path / "r.json").read_text())["float_check"]["top1_before"] == 1.0
    assert run(group, [*args, "--float-ops", "int8", "--report", str(tmp_path / "m.tflite"), "--overwrite"]) == 2
    assert "--report and --output are both" in capsys.readouterr().err


def dense(units, **batch):
    keras.utils.set_random_seed(3)
    image = keras.Input((4,), name="image", **batch)
    x = keras.layers.Dense(64, activation="relu", name="hidden")(image)
    return keras.Model(image, [keras.layers.Dense(unit, name=f"out{unit}")(x) for unit in units])


@pytest.mark.parametrize(("float_ops", "compared"), [("float16", 48), ("int8-static", 24)])
def test_a_fixed_batch_is_filled(float_ops, compared):
    arrays = np.random.default_rng(2).normal(size=(50, 4)).astype(np.float32)
    fixed, free = dense([3], batch_size=4), dense([3])
    labels = free.predict_on_batch(arrays).argmax(axis=-1)
    check = convert(fixed, float_ops=float_ops, samples=arrays, labels=labels).report.float_check
    assert (check.samples, check.calibrated_on) == (compared, 48 - compared)
    assert check.top1_before == 1.0
    expected = convert(free, float_ops=float_ops, samples=arrays[:48], labels=labels[:48]).report.float_check
    assert (check.agreement, check.top1_after) == (expected.agreement, expected.top1_after)
    with pytest.raises(UserError, match="computes 4 samples at a time, got 3; give at least as many"):
        convert(fixed, float_ops="float16", samples=arrays[:3])
    with pytest.raises(UserError, match="calibration needs at least 8 samples, a batch of 4 of them to measure on"):
        convert(fixed, float_ops="int8-static", samples=arrays[:7])


@pytest.mark.parametrize(
    ("value", "message"), [(np.nan, "must be finite as float32, got nan in 1 of 16"), (1e300, "got 1e.300 in 1 of 16")]
)
def test_samples_have_to_be_finite(value, message):
    arrays = np.zeros((4, 4))
    arrays[1, 2] = value
    with pytest.raises(UserError, match=message):
        convert(dense([3]), float_ops="float16", samples=arrays)


def test_samples_have_to_be_as_many_for_each_input():
    inputs = {"one": (None, 3), "other": (None, 4)}
    with pytest.raises(UserError, match="each input must have as many samples, got 5 and 2"):
        in_batches(inputs, [np.zeros((5, 3)), np.zeros((2, 4))])
    with pytest.raises(UserError, match="the model computes 1 samples at a time, got 0"):
        in_batches(inputs, [np.zeros((0, 3)), np.zeros((0, 4))])
    with pytest.raises(UserError, match=r"samples of input 'other' must have shape \(N, 4\), got \(5, 3\)"):
        in_batches(inputs, [np.zeros((5, 3)), np.zeros((5, 3))])
    with pytest.raises(UserError, match="all inputs must take as many samples at a time, they take 1 and 2"):
        in_batches({**inputs, "other": (2, 4)}, [np.zeros((5, 3)), np.zeros((5, 4))])


def test_outputs_without_classes_are_compared_by_their_values(tmp_path, capsys):
    model = dense([1])
    before = convert(model).flatbuffer
    hidden = model.get_layer("out1")
    hidden.set_weights([2 * hidden.kernel.numpy(), hidden.bias.numpy()])
    arrays = np.random.default_rng(2).normal(size=(20, 4)).astype(np.float32)
    agreement, difference = difference_of(Flatbuffer(before), Flatbuffer(convert(model).flatbuffer), [arrays])
    assert agreement < 0.5
    assert difference > 0
    check = convert(model, float_ops="int8", samples=arrays, labels=np.zeros(20, int)).report.float_check
    assert check.agreement < 1
    assert check.top1_before is None
    model.save(tmp_path / "m.keras")
    np.savez(tmp_path / "x.npz", image=arrays)
    args = ["convert", tmp_path / "m.keras", "-o", tmp_path / "m.tflite", "--samples", tmp_path / "x.npz"]
    assert run(group, [*map(str, args), "--float-ops", "int8"]) == 0
    assert re.search(r"int8: outputs that agree for .* of 20 samples; \d\.\d kB before", capsys.readouterr().out)


def test_every_output_counts():
    model = dense([3, 5])
    before = convert(model).flatbuffer
    for name in model.output_names:
        changed = keras.models.clone_model(model)
        changed.set_weights(model.get_weights())
        kernel = changed.get_layer(name).kernel
        kernel.assign(-1.0 * kernel)
        arrays = [np.random.default_rng(2).normal(size=(20, 4)).astype(np.float32)]
        agreement, difference = difference_of(Flatbuffer(before), Flatbuffer(convert(changed).flatbuffer), arrays)
        assert agreement < 0.5
        assert difference > 0.1
