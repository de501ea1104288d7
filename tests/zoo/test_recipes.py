"""Recipes as data: the numbers of their sources, and what cannot be one."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from larq_el import zoo
from larq_el.errors import UserError
from larq_el.training.optimizers import StageRate, learning_rate_schedule, optimizer_of
from larq_el.zoo.recipes import RECIPES, Losses, Optimizer, Recipe, Schedule, Stage
from larq_el.zoo.recipes.recipe import recipe_from


def stage(recipe, name):
    return RECIPES[recipe].stage(name)


def rates(one, epochs, per_epoch=10):
    """The learning rate in the middle of some epochs, counted from 1."""
    schedule = learning_rate_schedule(one, one.epochs * per_epoch)
    return [float(schedule(int((epoch - 0.5) * per_epoch))) for epoch in epochs]


def test_real_to_binary_is_that_of_its_source():
    """larq/zoo, multi_stage_experiments.py."""
    names = [one.name for one in RECIPES["real_to_binary"].stages]
    assert names == ["teacher", "tanh", "activations", "binary"]
    tanh, activations, binary = (stage("real_to_binary", name) for name in names[1:])
    for one in (tanh, activations):
        assert (one.epochs, one.batch_size, one.learning_rate, one.start) == (75, 256, 1e-3, None)
        assert one.losses == Losses(cross_entropy=1.0, distillation=3.0, attention=30.0)
        assert one.optimizer == Optimizer("adam", weight_decay=1e-5)
    assert [one.teacher for one in (tanh, activations, binary)] == ["teacher", "tanh", "activations"]
    assert [one.level for one in (tanh, activations, binary)] == ["tanh", "binary_activations", "binary"]
    assert (binary.start, binary.learning_rate, binary.optimizer.weight_decay) == ("activations", 2e-4, 0.0)
    assert binary.losses == Losses(cross_entropy=1.0, distillation=0.8)
    # five epochs of warm-up, times 0.3 after 40, 60 and 70
    expected = [1.2e-4, 9.2e-4, 1e-3, 1e-3, 3e-4, 3e-4, 9e-5, 2.7e-5]
    np.testing.assert_allclose(rates(tanh, [1, 5, 6, 40, 41, 60, 61, 71]), expected, rtol=0.01)
    teacher = stage("real_to_binary", "teacher")
    assert (teacher.network, teacher.epochs, teacher.batch_size, teacher.learning_rate) == ("float", 100, 512, 0.1)


def test_reactnet_is_that_of_its_sources():
    """The paper's section 5.1, and liuzechun/ReActNet."""
    activations, binary = (stage("reactnet", name) for name in ("activations", "binary"))
    assert activations.epochs * 1_281_167 / 256 == pytest.approx(600_000, rel=0.01)
    for one in (activations, binary):
        assert one.losses == Losses(cross_entropy=0.0, distillation=1.0)
        assert (one.learning_rate, one.batch_size, one.schedule.kind, one.teacher) == (5e-4, 256, "linear", "teacher")
        assert (one.augmentation.crop, one.augmentation.area, one.augmentation.lighting) == (
            "resized",
            (0.08, 1.0),
            0.1,
        )
    assert (activations.optimizer.weight_decay, binary.optimizer.weight_decay) == (1e-5, 0.0)
    assert (activations.latent_range, binary.start) == ((0.0, 1e-3), "activations")
    assert stage("reactnet", "teacher").network == "resnet34"
    np.testing.assert_allclose(rates(binary, [1, 60, 120]), [5e-4, 2.5e-4, 0.0], atol=5e-6)


@pytest.mark.parametrize(
    ("recipe", "names", "epochs", "expected"),
    [
        ("xnor_net", ("decayed",), [1, 18, 19, 29], [1e-2, 1e-2, 5e-3, 5e-3]),
        ("xnor_net", ("undecayed",), [1, 14, 15, 23, 24, 26], [1e-3, 1e-3, 5e-4, 5e-4, 1e-4, 1e-4]),
        ("binary_e", ("train",), [1, 34, 35, 37, 38, 40], [1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5]),
        ("ci_net", ("train",), [100, 101, 142, 184, 220], [5e-3, 1e-3, 5e-4, 1e-4, 1e-5]),
        ("bi_real_fine_tuning", ("binary",), [10, 11, 15, 16], [1e-2, 1e-3, 1e-3, 1e-4]),
        ("tbn", ("train",), [30, 31, 61, 91], [0.1, 0.01, 1e-3, 1e-4]),
        ("xnor_plus_plus", ("train",), [25, 26, 51, 76], [1e-3, 1e-4, 1e-5, 1e-6]),
        ("elastic_link", ("train",), [50, 51, 80, 81], [1e-3, 1e-4, 1e-4, 1e-5]),
        ("bi_real", ("train",), [1, 128, 256], [1e-3, 5e-4, 0.0]),
    ],
)
def test_learning_rates_are_those_of_their_sources(recipe, names, epochs, expected):
    np.testing.assert_allclose(rates(stage(recipe, names[0]), epochs), expected, rtol=0.01, atol=3e-6)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_each_recipe_is_for_models_that_exist_and_survives_json(recipe):
    assert recipe.name == "binarized" or any(zoo.list_models(pattern) for pattern in recipe.models)
    assert recipe.summary.endswith(".")
    again = recipe_from(recipe.name, json.loads(json.dumps([asdict(one) for one in recipe.stages])))
    assert again.stages == recipe.stages
    assert all(one.epochs == 1 and one.batch_size <= 64 for one in recipe.quick().stages)


def test_a_cosine_falls_to_zero_after_its_warm_up():
    rate = StageRate(0.1, 110, "cosine", warmup=10 / 110)
    np.testing.assert_allclose(
        [float(rate(step)) for step in (0, 9, 10, 60, 110)], [0.01, 0.1, 0.1, 0.05, 0.0], atol=1e-8
    )
    assert StageRate(**rate.get_config()).get_config() == rate.get_config()


def test_optimizers_are_keras_own():
    adam, sgd = optimizer_of(Stage(), 10), optimizer_of(Stage(optimizer=Optimizer("sgd", clip_norm=1.0)), 10)
    assert type(adam).__name__ == "Adam"
    assert (type(sgd).__name__, sgd.momentum, sgd.nesterov, sgd.global_clipnorm) == ("SGD", 0.9, True, 1.0)
    assert hasattr(optimizer_of(Stage(), 10, scales_loss=True), "get_scaled_loss")


def test_numbers_are_changed_for_all_stages_or_for_one():
    recipe = RECIPES["real_to_binary"]
    assert [one.epochs for one in recipe.changed(epochs=3).stages] == [3, 3, 3, 3]
    assert [one.batch_size for one in recipe.changed(batch_size={"tanh": 8}).stages] == [512, 8, 256, 256]
    assert recipe.changed(epochs=None) == recipe
    with pytest.raises(UserError, match="recipe 'real_to_binary' has no stage 'tahn'; did you mean 'tanh'"):
        recipe.changed(epochs={"tahn": 3})
    with pytest.raises(UserError, match="epochs must be above 0, got -1"):
        recipe.changed(epochs=-1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Recipe("none", ()), "recipe 'none' has no stages"),
        (lambda: Recipe("twice", (Stage("a"), Stage("a"))), "stages must have different names .* got 'a'"),
        (lambda: Recipe("bad", (Stage("../a"),)), "stages must have different names of small letters, .* got '../a'"),
        (lambda: Recipe("first", (Stage("a", start="b"),)), "'a' takes weights from 'b', and .* it is the first stage"),
        (
            lambda: Recipe("x", (Stage("float"), Stage("b", teacher="flaot", losses=Losses(distillation=1.0)))),
            "stage 'b' takes a teacher from 'flaot', and there is no such stage before it; did you mean 'float'",
        ),
        (lambda: Stage(losses=Losses(distillation=1.0)), "stage 'train' compares with a teacher and names none"),
        (lambda: Stage(level="half"), "level must be one of float, relu, .*, got 'half'"),
        (lambda: Stage(latent_range=(1.0, 0.0)), r"latent_range must be two numbers in order, got \(1.0, 0.0\)"),
        (lambda: Stage(latent_scale=0.0), "latent_scale must be above 0, got 0.0"),
        (lambda: Stage(proposals=-1), "proposals must be at least 0, got -1"),
        (lambda: Losses(cross_entropy=0.0), "a stage needs a loss: cross_entropy, distillation or attention above 0"),
        (lambda: Losses(label_smoothing=1.0), "label_smoothing must be below 1, got 1.0"),
        (lambda: Losses(temperature=0.0), "temperature must be above 0, got 0.0"),
        (lambda: Losses(attention=float("inf")), "attention must be at least 0, got inf"),
        (lambda: Optimizer("lion"), "the optimizer must be 'adam' or 'sgd', got 'lion'"),
        (lambda: Optimizer(weight_decay=-1.0), "weight_decay must be at least 0, got -1.0"),
        (lambda: Optimizer(clip_norm=0.0), "clip_norm must be above 0, got 0.0"),
        (lambda: Schedule("exponential"), "a schedule's kind must be 'steps', 'cosine' or 'linear', got 'exponential'"),
        (lambda: Schedule(drops=(0.5,), drop_factor=(0.1, 0.1)), r"one drop_factor for each of the drops \(0.5,\)"),
        (lambda: Schedule(drop_factor=0.0), "drop_factor must be above 0, got 0.0"),
        (lambda: Schedule(warmup=1.0), "warmup must be a fraction of the training, below 1, got 1.0"),
        (lambda: recipe_from("x", [{"nmae": "a"}]), "the stages of recipe 'x' cannot be read .*nmae"),
        (lambda: recipe_from("x", [1]), "the stages of recipe 'x' cannot be read"),
    ],
)
def test_what_cannot_be_a_recipe_is_a_sentence(make, message):
    with pytest.raises(UserError, match=message):
        make()


def test_a_teacher_that_is_there_leaves_its_stage_out():
    taught = RECIPES["reactnet"].taught()
    assert [one.name for one in taught.stages] == ["activations", "binary"]
    assert replace(taught, name="x").stages[0].teacher == "teacher"
