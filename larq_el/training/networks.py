"""The networks that a recipe's stages train beside the student, and what a training may start from."""

import os
from collections.abc import Sequence
from typing import Any

from larq_el import zoo
from larq_el._keras import Model, keras
from larq_el.errors import UserError
from larq_el.levels import rebuilt
from larq_el.models.loading import load_model
from larq_el.models.original import original_beside
from larq_el.training.transfer import hand_on, named_weights
from larq_el.zoo.recipes import Recipe
from larq_el.zoo.recipes.stage import FLOAT, STUDENT, TEACHER


def networks_of(
    recipe: Recipe, model: str, *, teacher: str | None = None, imports: Sequence[str] = (), seed: int = 0, **shape: Any
) -> dict[str, Model]:
    """The networks that a recipe trains beside the student.

    # Arguments
        recipe: see `larq_el.zoo.recipes`.
        model: the student's name in the zoo, or the file that it was read from.
        teacher: file of a trained teacher, which takes the place of the stage that trains one; None for the float
            network that `larq-el binarize` left beside the student's file, if there is one.
        imports: of `larq_el.models.loading.load_model`, for the teacher.
        seed: of the initial weights.
        shape: `input_shape`, `classes` and `width` of `larq_el.zoo.create_model`.

    # Returns
        Models by the names that stages give them, for `train(..., networks=...)`.

    # Raises
        ValueError: where a stage needs the float twin of a student that is not of the zoo.

    >>> from larq_el.zoo.recipes import RECIPES
    >>> networks = networks_of(RECIPES["real_to_binary"], "real_to_bin_resnet18", input_shape=(32, 32, 3), width=0.125)
    >>> networks["float"].name
    'resnet18'
    """
    found: dict[str, Model] = {}
    if teacher is None and any(stage.teacher for stage in recipe.stages):
        teacher = original_beside(model)
    if teacher is not None:
        found[TEACHER] = load_model(teacher, imports=imports)
        recipe = recipe.taught()
    for stage in recipe.stages:
        if stage.network not in (STUDENT, *found):
            keras.utils.set_random_seed(seed)
            found[stage.network] = zoo.create_model(_name(stage.network, model, stage.name), **shape)
    return found


def _name(network: str, model: str, stage: str) -> str:
    if network != FLOAT:
        return network
    try:
        backbone = zoo.describe(model)["backbone"]
        if (float_twin := zoo.describe(backbone))["method"] == "full_precision":
            return float_twin["name"]
    except UserError:
        pass  # a file's name
    raise UserError(
        f"stage {stage!r} trains the float network of {model!r}, and the zoo has none; give a trained one as the "
        "teacher (--teacher), or choose another recipe."
    )


def with_classes(model: Model, classes: int) -> Model:
    """The model itself where it has so many classes; else one of its weights but for a fresh classifier.

    # Arguments
        model: a `tf.keras.Model` whose last layer with weights is a `Dense` classifier.
        classes: of the new one.

    # Raises
        ValueError: where the model ends otherwise.
    """
    if model.output_shape[-1] == classes:
        return model
    last = next((layer for layer in reversed(model.layers) if layer.weights), None)
    if not isinstance(last, keras.layers.Dense) or last.units != model.output_shape[-1]:
        raise UserError(
            f"{model.name!r} has {model.output_shape[-1]} classes, and its last layer with weights is no Dense "
            f"classifier that could be replaced; give a model of {classes} classes."
        )
    twin = rebuilt(
        model,
        lambda layer, config: {**config, "units": classes} if layer.name == last.name else config,
        weights=False,
    )
    hand_on(model, twin, (f"{last.name}/*",))
    return twin


def start_from(model: Model, weights: str | os.PathLike[str], imports: Sequence[str] = ()) -> list[str]:
    """Takes over a trained model's weights; a classifier of other classes starts anew.

    # Arguments
        model: a `tf.keras.Model`.
        weights: a `.keras` or `.h5` file of a model of the same layers.
        imports: of `larq_el.models.loading.load_model`.

    # Returns
        The names of the weights that start anew.

    # Raises
        ValueError: where the file holds no model, or one of other layers.
    """
    source = load_model(weights, imports=imports)
    ours, theirs = named_weights(model), named_weights(source)
    last = next((layer.name for layer in reversed(model.layers) if layer.weights), "")
    other = [
        name
        for name, variable in ours.items()
        if name.startswith(f"{last}/") and name in theirs and theirs[name].shape != variable.shape
    ]
    return hand_on(source, model, (f"{last}/*",) if other else ())
