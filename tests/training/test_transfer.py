import numpy as np
import pytest

from larq_el import zoo
from larq_el._keras import keras
from larq_el.errors import UserError
from larq_el.training.networks import start_from, with_classes
from larq_el.training.precision import in_precision
from larq_el.training.stage import freeze
from larq_el.training.transfer import hand_on, named_weights, weight_names

SHAPE = {"input_shape": (32, 32, 3), "width": 0.125, "classes": 10}


def model(name="el_resnet18", **other):
    return zoo.create_model(name, **{**SHAPE, **other})


def test_every_weight_arrives():
    source, target = model(), model()
    assert hand_on(source, target) == []
    for ours, theirs in zip(target.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["el_resnet26", "abc_resnet18", "ci_net_resnet18", "real_to_bin_mobilenet"])
def test_names_are_of_one_weight_each(name):
    network = model(name)
    names = named_weights(network)
    assert len(names) == len(network.weights)
    assert weight_names(network, network.weights) == [
        next(name for name, one in names.items() if one is weight) for weight in network.weights
    ]


def test_fresh_weights_keep_their_values_and_are_named():
    source, target = model("resnet18"), model("abc_resnet18")
    before = {name: weight.numpy() for name, weight in named_weights(target).items()}
    kept = hand_on(source, target, ("*_shifts/*", "*/scales"))
    assert len(kept) == 32
    after, ours = named_weights(target), named_weights(source)
    for name, weight in after.items():
        np.testing.assert_array_equal(weight, before[name] if name in kept else ours[name])


def test_what_does_not_arrive_is_a_sentence():
    with pytest.raises(UserError, match="weight 'stage1_block1_first_shifts/.*' of 'abc_resnet18' has no counterpart"):
        hand_on(model("resnet18"), model("abc_resnet18"))
    with pytest.raises(UserError, match=r"has shape \(3, 3, 3, 16\), and \(3, 3, 3, 8\) in 'el_resnet18'"):
        hand_on(model(), model(width=0.25))
    with pytest.raises(UserError, match=r"no weight of 'el_resnet18' is called 'logit/\*'"):
        hand_on(model(), model(), ("logit/*",))


def test_models_inside_models_have_names():
    inner = keras.Sequential([keras.layers.Dense(2, name="dense", input_shape=(3,))], name="inner")
    outer = keras.Sequential([inner, keras.layers.Dense(2, name="dense")])
    assert list(named_weights(outer)) == ["inner/dense/kernel", "inner/dense/bias", "dense/kernel", "dense/bias"]


def test_a_classifier_of_other_classes_is_fresh(tmp_path):
    trained = model()
    twin = with_classes(trained, 4)
    assert twin.output_shape == (None, 4)
    np.testing.assert_array_equal(twin.get_layer("stem_conv").kernel, trained.get_layer("stem_conv").kernel)
    assert with_classes(trained, 10) is trained
    trained.save(tmp_path / "m.keras")
    other = model(classes=4)
    assert start_from(other, tmp_path / "m.keras") == ["logits/kernel", "logits/bias"]
    np.testing.assert_array_equal(other.get_layer("stem_conv").kernel, trained.get_layer("stem_conv").kernel)
    assert start_from(model(), tmp_path / "m.keras") == []
    with pytest.raises(UserError, match="its last layer with weights is no Dense classifier"):
        with_classes(keras.Sequential([keras.layers.Conv2D(3, 1, input_shape=(4, 4, 3))]), 5)


def test_frozen_layers_keep_their_weights(few, tmp_path):
    from larq_el.training import train
    from larq_el.zoo.recipes import Recipe, Stage

    network = model()
    before = {name: weight.numpy() for name, weight in named_weights(network).items()}
    recipe = Recipe("short", (Stage(epochs=1, batch_size=64),))
    train(network, few, recipe, tmp_path / "run", frozen=("stem_*", "stage[1-4]_*"), verbose=0)
    for name, weight in named_weights(network).items():
        assert np.array_equal(weight, before[name]) == (not name.startswith("logits")), name


def test_freezing_nothing_or_all_is_a_sentence():
    with pytest.raises(UserError, match=r"no layer of 'el_resnet18' is called 'steam_\*' \(--freeze\)"):
        freeze(model(), ("steam_*",))
    with pytest.raises(UserError, match="every layer of 'el_resnet18' is frozen; leave one"):
        freeze(model(), ("*",))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_sums_of_signs_stay_exact_in_mixed_precision(policy):
    """Widths around the largest sum that the type can hold: each binary convolution gives the same integers."""
    network = model("el_resnet26", width=1.0)
    mixed = in_precision(network, policy)
    rng = np.random.default_rng(0)
    types = set()
    for layer in network.layers:
        if not hasattr(layer, "kernel_quantizer") or layer.kernel_quantizer is None:
            continue
        x = np.sign(rng.normal(size=(1, 5, 5, layer.input_shape[-1]))).astype("f")
        twin = mixed.get_layer(layer.name)
        types.add(twin.compute_dtype)
        np.testing.assert_array_equal(np.asarray(twin(x), np.float32), np.asarray(layer(x)), err_msg=layer.name)
    assert types == {"float32", policy.removeprefix("mixed_")}
    assert mixed.output.dtype.name == "float32"
    assert mixed.get_layer("stem_conv").compute_dtype == policy.removeprefix("mixed_")


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_training_in_mixed_precision_leaves_a_float32_model(policy, few, tmp_path):
    from larq_el.training import train
    from larq_el.zoo.recipes import Recipe, Stage

    recipe = Recipe("short", (Stage(epochs=2, batch_size=32),))
    result = train(model(), few, recipe, tmp_path / "run", precision=policy, verbose=0)
    assert np.isfinite(result.metrics[-1]["loss"])
    saved = keras.models.load_model(result.model_path, compile=False)
    assert {layer.compute_dtype for layer in saved.layers} == {"float32"}
    with pytest.raises(UserError, match="precision must be one of float32, mixed_bfloat16, mixed_float16, got 'half'"):
        train(model(), few, recipe, tmp_path / "other", precision="half")
