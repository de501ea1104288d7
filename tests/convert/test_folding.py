"""What folding takes out, and that nothing else changes."""

import json
from collections import Counter

import numpy as np
import pytest

from larq_el import zoo
from larq_el._keras import keras, lq, tf
from larq_el.cli.app import group
from larq_el.cli.exit import run
from larq_el.convert import convert, inspect, tracing, verify
from larq_el.convert.folding import Change, Folded, changes_of, first_difference, fold
from larq_el.convert.folding.changes import ENTRY, written
from larq_el.convert.folding.factors import Sets
from larq_el.layers import ActivationScale, ElasticLink
from larq_el.tflite.editor import Editor
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.lce import interpreter

BINARY = {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip", "input_quantizer": "ste_sign"}


def _conv(filters, size=1, **kwargs):
    return lq.layers.QuantConv2D(filters, size, padding="same", use_bias=False, **BINARY, **kwargs)


def _times_k(conv_output, image):
    return keras.layers.Multiply()([conv_output, ActivationScale()(image)])


def _norm(seed=0, positive=True):
    """A BatchNorm of four weights that are no identity."""
    uniform = keras.initializers.RandomUniform
    return keras.layers.BatchNormalization(
        gamma_initializer=uniform(0.5, 2, seed) if positive else uniform(-2, -0.5, seed),
        beta_initializer=uniform(-1, 1, seed + 1),
        moving_mean_initializer=uniform(-1, 1, seed + 2),
        moving_variance_initializer=uniform(0.5, 2, seed + 3),
    )


def _content(model):
    return Flatbuffer(tracing.run_converter(model))


def _values(flatbuffer, images, types=("float32",)):
    """Of every tensor that is computed, by its index."""
    shown = [at for at in sorted(flatbuffer.producers) if flatbuffer.tensors[at].dtype in types]
    run = interpreter(flatbuffer.with_outputs(shown)).predict(images)
    return dict(zip(shown, run if isinstance(run, list) else [run], strict=True))


def _images(model, count=4):
    return np.random.default_rng(5).normal(size=(count, *model.input_shape[1:])).astype("float32")


def _check(model, gone, differing=0.0):
    """Folds a model's conversion; every tensor that is left holds what it held, times its noted factor."""
    content = _content(model)
    folded = fold(content)
    assert folded.operators == gone
    if not gone:
        assert folded.flatbuffer is content
        return folded
    before, after = (_values(one, _images(model)) for one in (content, folded.flatbuffer))
    left = set(before) & set(after)
    assert left >= set(content.outputs)
    noted = changes_of(folded.flatbuffer)
    assert noted.keys() == folded.changes.keys()
    for tensor in left:
        got = noted.get(tensor, Change()).undone(after[tensor])
        largest = np.abs(before[tensor]).max()
        assert np.mean(np.abs(got - before[tensor]) > 1e-5 * largest) <= differing, tensor
    return folded


def test_a_batchnorm_behind_k_goes_into_the_convolution():
    image = keras.Input((6, 6, 32))
    x = _times_k(_conv(16, 3)(image), image)
    model = keras.Model(image, _norm()(x))
    folded = _check(model, {"MUL": 1})
    kinds = Counter(operator.name for operator in folded.flatbuffer.operators)
    assert kinds["MUL"] == 1, "that with K"
    norm = model.layers[-1]
    gamma, _, _, variance = norm.get_weights()
    assert len(folded.changes) == 2, "the convolution's output and its product with K"
    for change in folded.changes.values():
        np.testing.assert_allclose(change.factor, gamma / np.sqrt(variance + norm.epsilon), rtol=1e-6)


def test_a_batchnorm_behind_k_keeps_its_negative_factors():
    image = keras.Input((6, 6, 32))
    x = _times_k(_conv(16, 3)(image), image)
    folded = _check(keras.Model(image, _norm(positive=False)(x)), {"MUL": 1})
    assert min(change.factor.min() for change in folded.changes.values()) < 0


def test_a_convolution_that_is_read_twice_is_left_alone():
    image = keras.Input((6, 6, 32))
    y = _conv(16)(image)
    model = keras.Model(image, [_norm()(_times_k(y, image)), keras.layers.ReLU()(y)])
    assert fold(_content(model)).operators == {}


def test_a_batchnorm_behind_a_sum_of_convolutions_goes_into_all_of_them_and_its_shift_into_one():
    image = keras.Input((6, 6, 32))
    x = keras.layers.Add()([_conv(16)(image), _conv(16, 3)(image), _conv(16)(image)])
    folded = _check(keras.Model(image, _norm()(x)), {"MUL": 1, "ADD": 1})
    biases = [one.input(3).data for one in folded.flatbuffer.operators if one.name == "LceBconv2d"]
    assert sum(bool(np.any(bias)) for bias in biases) == 1


@pytest.mark.parametrize(("layer", "gone"), [(keras.layers.Multiply, {"MUL": 1}), (keras.layers.Add, {})])
def test_one_channel_that_is_spread_takes_no_factor_of_each(layer, gone):
    image = keras.Input((6, 6, 32))
    x = layer()([_conv(1)(image), _conv(16)(image)])
    _check(keras.Model(image, keras.layers.ReLU()(_norm()(x))), gone)


def _scaled(values):
    return keras.layers.Lambda(lambda x: x * tf.constant(values, tf.float32))


def _shifted(values):
    return keras.layers.Lambda(lambda x: x + tf.constant(values, tf.float32))


def _sum(*tensors):
    return keras.layers.Add()(list(tensors))


FACTORS = np.linspace(0.5, 2.0, 16)
ON_ONE_PATH = {
    "K K": (lambda x: _scaled(FACTORS[::-1])(_times_k(_scaled(FACTORS)(_times_k(_conv(16)(x), x)), x)), {"MUL": 2}),
    "K and K": (
        lambda x: _norm()(
            _sum(_scaled(FACTORS)(_times_k(_conv(16)(x), x)), _scaled(FACTORS[::-1])(_times_k(_conv(16, 3)(x), x)))
        ),
        {"MUL": 3},
    ),
    "shifts": (
        lambda x: _shifted(FACTORS[::-1])(_sum(_shifted(FACTORS)(_sum(_conv(16)(x), _conv(16, 3)(x))), _conv(16)(x))),
        {"ADD": 2},
    ),
}


@pytest.mark.parametrize("name", ON_ONE_PATH)
def test_several_constants_on_one_path_are_all_folded(name):
    network, gone = ON_ONE_PATH[name]
    image = keras.Input((6, 6, 32))
    _check(keras.Model(image, network(image)), gone)


@pytest.mark.parametrize("factor", [0.0, 1e-40, 1e30])
@pytest.mark.parametrize("before_a_sign", [False, True])
def test_factors_that_cannot_be_undone_stay(factor, before_a_sign):
    factors = np.linspace(0.5, 2.0, 32)
    factors[3] = factor
    image = keras.Input((6, 6, 32))
    x = keras.layers.MaxPooling2D(1)(image)
    if before_a_sign:
        y = _conv(8)(_shifted(factors[::-1])(_scaled(factors)(x)))
    else:
        y = keras.layers.ReLU()(_shifted(factors[::-1])(_scaled(factors)(_times_k(_conv(32)(x), x))))
    assert fold(_content(keras.Model(image, y))).operators == {}


def test_a_chain_of_gammas_is_cut_where_its_product_becomes_too_large():
    """As after training: each of twelve is about 4, which makes 4^12, far beyond what a factor may be."""
    image = keras.Input((4, 4, 32))
    x = keras.layers.Conv2D(32, 1)(image)
    links = [ElasticLink() for _ in range(12)]
    for at, link in enumerate(links):
        x = link([_norm(at)(_conv(32)(x)), x])
    model = keras.Model(image, keras.layers.Conv2D(3, 1)(x))
    for at, link in enumerate(links):
        link.gamma.assign(3.9 + 0.01 * at)
    folded = _check(model, {"MUL": 10}, differing=0.02)
    largest = max(np.abs(change.factor).max() for change in folded.changes.values())
    assert 100 < largest <= 2**10


def test_gammas_vanish_where_the_rest_can_take_their_factors():
    """Squeeze to half the channels, a residual, Expand back: gammas 2 and 5 in a ring, of which one has to stay."""
    image = keras.Input((4, 4, 64))
    x = keras.layers.Conv2D(64, 1)(image)
    squeeze, expand = ElasticLink(), ElasticLink()
    y = squeeze([_norm(1)(_conv(32)(x)), x])
    y = keras.layers.Add()([_norm(2)(_conv(32, 3)(y)), y])
    z = expand([_norm(3)(_conv(64)(y)), y])
    out = keras.layers.Dense(5)(keras.layers.GlobalAveragePooling2D()(keras.layers.Add()([z, x])))
    squeeze.gamma.assign(2.0)
    expand.gamma.assign(5.0)
    folded = _check(keras.Model(image, out), {"MUL": 1})
    operators = folded.flatbuffer.operators
    (constant, _), *none = [one.constant_and_other() for one in operators if one.name == "MUL"]
    assert not none
    np.testing.assert_allclose(constant, 1 / (2 * 5), rtol=1e-6)


def test_a_gamma_vanishes_into_float_convolutions():
    image = keras.Input((4, 4, 8))
    x = keras.layers.Conv2D(32, 1)(image)
    link = ElasticLink()
    y = link([_norm()(_conv(64)(x)), x])
    y = keras.layers.Add()([y, keras.layers.Conv2D(64, 1)(image)])
    out = keras.layers.Conv2D(3, 1, name="last")(keras.layers.MaxPooling2D()(y))
    link.gamma.assign(4.0)
    folded = _check(keras.Model(image, out), {"MUL": 1})
    assert {*np.concatenate([change.factor for change in folded.changes.values()])} == {4.0}


@pytest.mark.parametrize("gamma", [-2.0, 1e-6])
def test_gammas_that_turn_signs_or_would_lose_bits_stay(gamma):
    image = keras.Input((4, 4, 8))
    x = keras.layers.Conv2D(32, 1)(image)
    link = ElasticLink()
    y = link([_norm()(_conv(64)(x)), x])
    out = keras.layers.Conv2D(3, 1)(y)
    link.gamma.assign(gamma)
    content = _content(keras.Model(image, out))
    assert fold(content).flatbuffer is content


def test_a_factor_that_an_output_would_show_stays():
    image = keras.Input((4, 4, 32))
    link = ElasticLink()
    model = keras.Model(image, link([_norm()(_conv(64)(image)), image]))
    link.gamma.assign(3.0)
    assert fold(_content(model)).operators == {}


def test_a_factor_does_not_pass_to_a_table():
    """What is gathered from a constant is computed, and nothing in it can take a factor."""
    image, which = keras.Input((4, 4, 8), name="image"), keras.Input((1, 1), dtype="int32", name="which")
    x = keras.layers.Conv2D(32, 1)(image)
    link = ElasticLink()
    y = link([_norm()(_conv(64)(x)), x])
    y = y + tf.gather(tf.constant(np.random.default_rng(0).normal(size=(5, 64)).astype("float32")), which)
    link.gamma.assign(4.0)
    content = _content(keras.Model([image, which], keras.layers.Conv2D(3, 1)(y)))
    assert "GATHER" in {one.name for one in content.operators}
    given = {"float32": np.ones((1, 4, 4, 8), "float32"), "int32": np.full((1, 1, 1), 3, "int32")}
    run = interpreter(content.content)
    inputs = [given[np.dtype(kind).name] for kind in run.input_types]
    before, after = run.predict(inputs), interpreter(fold(content).flatbuffer.content).predict(inputs)
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("gate", [False, True])
def test_the_positive_factors_of_a_batchnorm_before_a_sign_vanish(gate):
    image = keras.Input((4, 4, 32))
    x = _norm(4)(keras.layers.MaxPooling2D(2)(image))
    y = _norm(5)(_conv(32)(x))
    if gate:
        mean = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
        y = keras.layers.Multiply()([y, keras.layers.Conv2D(32, 1, activation="sigmoid")(mean)])
    _check(keras.Model(image, y), {"MUL": 1})


def test_negative_factors_of_a_batchnorm_before_a_sign_stay():
    image = keras.Input((4, 4, 32))
    model = keras.Model(image, _conv(32)(_norm(positive=False)(keras.layers.MaxPooling2D(2)(image))))
    assert fold(_content(model)).operators == {}


def test_a_mean_over_the_channels_does_not_pass_their_factors():
    image = keras.Input((4, 32, 32))
    x = _norm()(keras.layers.MaxPooling2D(1)(image))
    mean = keras.layers.Lambda(lambda x: tf.reduce_mean(x, axis=3))(x)  # (4, 32): looks like one of each channel
    model = keras.Model(image, [_conv(32)(x), keras.layers.Dense(3)(mean)])
    assert fold(_content(model)).operators == {}


def test_a_branch_that_adds_zeros_vanishes_with_what_computes_it():
    image = keras.Input((4, 4, 32))
    y = _conv(32)(image)
    empty = keras.layers.Conv2D(32, 1, use_bias=False, kernel_initializer="zeros")(keras.layers.ReLU()(y))
    _check(keras.Model(image, _norm()(keras.layers.Add()([y, empty]))), {"RELU": 1, "CONV_2D": 1, "ADD": 2, "MUL": 1})


@pytest.mark.parametrize("name", ["el_resnet26", "ci_net_resnet18"])
def test_networks_compute_the_same_with_less(name):
    model = zoo.create_model(name, input_shape=(32, 32, 3), classes=10, width=0.25)
    random = np.random.default_rng(0)
    for weight in model.weights:
        if any(kind in weight.name for kind in ("gamma", "moving_variance")):
            weight.assign(random.uniform(0.5, 2.0) * np.ones(weight.shape))
    content = _content(model)
    folded = fold(content)
    assert sum(folded.operators.values()) >= 5
    images = _images(model, 8)
    before, after = (interpreter(one.content).predict(images) for one in (content, folded.flatbuffer))
    assert (before.argmax(-1) == after.argmax(-1)).all()
    again = fold(folded.flatbuffer)
    assert again.flatbuffer is folded.flatbuffer, "there is nothing left to fold"


def test_the_command_says_what_was_folded_and_keeps_it_on_request(tmp_path, capsys):
    image = keras.Input((6, 6, 32), name="image")
    model = keras.Model(image, keras.layers.Flatten()(_norm()(_times_k(_conv(2, 3)(image), image))))
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "samples.npz", image=_images(model, 10))
    command = ["convert", str(tmp_path / "model.keras"), "-o", str(tmp_path / "m.tflite"), "--overwrite"]
    assert run(group, [*command, "--samples", str(tmp_path / "samples.npz"), "--report", str(tmp_path / "r.json")]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Folded, as inference does not need them: 1 MUL; the same class for 100.00% of 10 samples" in printed
    folding = json.loads((tmp_path / "r.json").read_text())["folding"]
    assert (folding["operators"], folding["samples"]) == ({"MUL": 1}, 10)
    assert folding["max_abs_diff"] < 1e-4
    assert run(group, command) == 0
    assert "Folded, as inference does not need them: 1 MUL.\n" in capsys.readouterr().out
    assert run(group, [*command, "--no-folding"]) == 0
    assert "Folded" not in capsys.readouterr().out
    assert inspect(tmp_path / "m.tflite").operators["MUL"] == 2


def test_verify_sees_through_folding():
    image = keras.Input((6, 6, 32))
    y = _norm(positive=False)(_times_k(_conv(32, 3, name="first")(image), image))
    y = _conv(32, 1, name="second")(keras.layers.Add()([y, image]))
    model = keras.Model(image, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(y)))
    conversion = convert(model)
    assert conversion.report.folding.operators == {"MUL": 1}
    images = _images(model, 32)
    layers = {layer.layer: layer.differing_alone for layer in verify(model, conversion.flatbuffer, images).layers}
    assert layers["first"] == layers["second"] == 0.0
    # what is noted wrongly is a difference
    editor = Editor(_content(model))
    first = next(one for one in Flatbuffer(conversion.flatbuffer).operators if one.name == "LceBconv2d")
    editor.note(ENTRY, written({first.outputs[0].index: Change().multiplied(1.5)}))
    layers = {layer.layer: layer.differing_alone for layer in verify(model, editor.finish().content, images).layers}
    assert layers["first"] > 0.9


def test_files_without_binary_convolutions_come_back_as_they_are():
    image = keras.Input((4, 4, 3))
    content = _content(keras.Model(image, keras.layers.Conv2D(4, 1)(image * 2.0)))
    assert fold(content).flatbuffer is content


def test_outputs_stay_what_they_are():
    image = keras.Input((6, 6, 32))
    y = keras.layers.Lambda(lambda x: 3.0 * x)(keras.layers.Conv2D(16, 1)(image))
    z = keras.layers.Conv2D(16, 1, use_bias=False, kernel_initializer="zeros")(image)
    outputs = [_norm()(_times_k(_conv(16, 3)(image), image)), keras.layers.ReLU()(image), y]
    _check(keras.Model(image, [*outputs, keras.layers.Add()([_conv(16)(image), z])]), {"MUL": 1})


def test_what_folding_would_change_is_found_and_kept(monkeypatch):
    image = keras.Input((6, 6, 32))
    model = keras.Model(image, keras.layers.ReLU()(_norm()(_times_k(_conv(16)(image), image))))
    content = _content(model)
    images = _images(model, 1)

    def differing(folded):
        flatbuffers = content, folded
        return first_difference(*flatbuffers, *(_values(one, images, ("float32", "int32")) for one in flatbuffers))

    assert differing(fold(content).flatbuffer) is None
    wrong = Editor(content)
    convolution = next(one for one in wrong.view().operators if one.name == "LceBconv2d")
    wrong.rescale(convolution, 1.01, (2,))
    assert differing(wrong.finish()) == convolution.outputs[0].name
    monkeypatch.setattr("larq_el.convert.converter.fold", lambda content: Folded(wrong.finish(), {"MUL": 1}))
    conversion = convert(model)
    assert conversion.flatbuffer == content.content
    assert conversion.report.folding.refused == convolution.outputs[0].name
    assert conversion.report.folding.operators == {}


def test_a_note_on_an_output_is_refused(linked_model):
    content = _content(linked_model)
    editor = Editor(content)
    editor.note(ENTRY, written({content.outputs[0]: Change().multiplied(2.0)}))
    with pytest.raises(ValueError, match="cannot be right; convert anew"):
        changes_of(editor.finish())


@pytest.mark.parametrize(
    "note",
    [
        [1e6, 1, 1, 2, 0],  # a tensor that is not there
        [1, 4, 1, 2, 0],  # fewer factors than it says
        [1, -1, 1, 2, 0],
        [1, 77, 1, *[1] * 78],  # not one for each channel
        [1, 1, 77, *[1] * 78],
        [1, 1, 1, 0, 0],  # nothing can be divided by
        [1, 1, 1, np.nan, 0],
        [1, 1, 1, 1, np.inf],
        [np.nan, 1, 1, 1, 0],
        [1],
    ],
)
def test_a_damaged_note_is_refused(note, linked_model):
    editor = Editor(_content(linked_model))
    editor.note(ENTRY, np.array(note, "<f4").tobytes())
    with pytest.raises(ValueError, match=f"is damaged: its note '{ENTRY}' cannot be right"):
        changes_of(editor.finish())


def test_notes_are_read_as_they_were_written(linked_model):
    content = _content(linked_model)
    one, other = (at for at, _ in zip(content.producers, range(2), strict=False))
    channels = content.tensors[other].shape[-1]
    editor = Editor(content)
    factors = np.arange(1.0, channels + 1)
    editor.note(ENTRY, written({one: Change().multiplied(2.0), other: Change().multiplied(factors).shifted(8.0)}))
    read = changes_of(editor.finish())
    assert {index: (change.factor.tolist(), change.shift.tolist()) for index, change in read.items()} == {
        one: ([2.0], [0.0]),
        other: (factors.tolist(), [8.0]),
    }


def test_sets_join_once():
    sets = Sets()
    assert [sets.join(1, 2), sets.join(3, 4), sets.join(2, 3), sets.join(1, 4)] == [True, True, True, False]
    assert sets.find(1) == sets.find(4) != sets.find(5)
