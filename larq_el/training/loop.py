"""A training: the stages of a recipe in sequence, in a folder from which it can be continued at any time."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from larq_el._keras import Model, tf
from larq_el.data.dataset import ImageDataset
from larq_el.data.image_size import image_size_of
from larq_el.data.reading import reading_errors
from larq_el.errors import UserError
from larq_el.models.saving import as_bytes
from larq_el.training.callbacks.records import Row
from larq_el.training.distillation import check_teacher
from larq_el.training.run import LABELS, MODEL, NETWORKS, Run, read_settings
from larq_el.training.stage import Setting, carry_out, initial_network, network_at, steps_of_epoch
from larq_el.training.stage_folder import StageFolder
from larq_el.zoo.recipes import Recipe
from larq_el.zoo.recipes.stage import STUDENT, TEACHER, Stage

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclass(frozen=True)
class TrainingResult:
    """What a training came to.

    # Attributes
        model_path: the saved Keras model of the last stage, after its last epoch.
        best_path: the same after its best epoch, judged on the validation part where there is one, or else on the test
            images.
        stages: for each stage one row an epoch: epoch, loss, accuracy, top5 (of more than five classes), gradient_norm,
            sign_flips, learning_rate, and test_loss, test_accuracy, test_top5, or the same of the validation part.
    """

    model_path: Path
    best_path: Path
    stages: dict[str, list[Row]]

    @property
    def metrics(self) -> list[Row]:
        """The rows of the last stage."""
        return list(self.stages.values())[-1]


def train(
    model: Model,
    dataset: ImageDataset,
    recipe: Recipe,
    output: str | os.PathLike[str],
    *,
    networks: Mapping[str, Model] | None = None,
    resume: bool = False,
    repeat: str | None = None,
    seed: int = 0,
    precision: str = "float32",
    strategy: Any = None,
    frozen: tuple[str, ...] = (),
    checkpoint_minutes: float = 10.0,
    tensorboard: bool = False,
    callbacks: Sequence[Any] = (),
    verbose: int | str = "auto",
    on_epoch: Callable[[Row], None] | None = None,
    notes: Mapping[str, Any] | None = None,
) -> TrainingResult:
    """Trains a classifier by the stages of a recipe.

    A checkpoint is written after every epoch and every few minutes. A training that was interrupted, by whatever, and
    wherever in a stage, continues with `resume=True` from the last of them, with the same weights, optimizer state,
    order of images and augmentation as if it had not stopped; more epochs than before extend it.

    # Arguments
        model: a functional or sequential `tf.keras.Model` of an image (N, H, W, 3), with probabilities (N, classes) as
            its output. It gets the trained weights.
        dataset: see `load_dataset`.
        recipe: see `larq_el.zoo.recipes`.
        output: folder for settings.json, labels.txt, a folder for each stage (checkpoints, metrics.json and .csv,
            gammas.json, best.keras, model.keras), and at last model.keras.
        networks: the other networks that the recipe's stages train, by the name in `Stage.network` ("float",
            "resnet34"); see `larq_el.training.networks_of`. Under "teacher" a trained one, which takes the place of the
            stage of that name.
        resume: continue the training in `output`.
        repeat: with `resume`, the name of a stage to train anew, from what the stages before it left.
        seed: of the order of images and of the augmentation; also becomes TensorFlow's global seed, on which the order
            depends. The model's initial weights are its builder's.
        precision: "float32", "mixed_bfloat16" or "mixed_float16"; sums of signs that these could not hold exactly stay
            in float32. Models are saved in float32.
        strategy: a `tf.distribute.Strategy`; BatchNorms then take the statistics of all replicas together.
        frozen: patterns of the names of layers that are not trained.
        checkpoint_minutes: between checkpoints within an epoch.
        tensorboard: write logs for TensorBoard into the folder of each stage.
        callbacks: Keras callbacks.
        verbose: Keras's progress bar: "auto", 0, 1 or 2.
        on_epoch: is called with each new row of metrics.
        notes: what else to keep in settings.json.

    # Returns
        A `TrainingResult`.

    # Raises
        ValueError: where `output` is not empty (without `resume`), holds another training (with it), a network of a
            stage is missing, classes do not fit, the batch is larger than the data, or the loss stops being finite.
    """
    _check_classes(model, dataset)
    _check_precision(precision)
    if tensorboard and find_spec("tensorboard") is None:
        raise UserError("logs for TensorBoard need it: pip install tensorboard, or leave them out.")
    named = {STUDENT: model, **(networks or {})}
    recipe = recipe.taught() if TEACHER in named else recipe
    _check_networks(recipe, named, dataset)
    setting = Setting(
        dataset,
        seed,
        precision,
        strategy or tf.distribute.get_strategy(),
        frozen,
        checkpoint_minutes,
        tensorboard,
        callbacks,
        verbose,
        None if on_epoch is None else lambda _, row: on_epoch(row),
    )
    for stage in recipe.stages:
        steps_of_epoch(stage, setting)
    settings = _settings(model, recipe, setting, notes)
    run = Run(Path(output), settings, resume=resume, is_chief=setting.share.worker == 0)
    try:
        if resume:
            _reopen(recipe, run, repeat)
            run.write_settings(settings)
        else:
            _write_beginning(named, dataset, run)
        with reading_errors(dataset.name):
            return _carry_out_all(recipe, named, run, setting)
    finally:
        run.close()


def _check_classes(model: Model, dataset: ImageDataset) -> None:
    if model.output_shape[-1] != len(dataset.class_names):
        raise UserError(
            f"{model.name!r} has {model.output_shape[-1]} classes and {dataset.name!r} has {len(dataset.class_names)}; "
            f"build the model with classes={len(dataset.class_names)}."
        )


def _check_precision(precision: str) -> None:
    if precision not in PRECISIONS:
        raise UserError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}.")


def _check_networks(recipe: Recipe, named: dict[str, Model], dataset: ImageDataset) -> None:
    for stage in recipe.stages:
        if stage.network not in named:
            raise UserError(
                f"stage {stage.name!r} of recipe {recipe.name!r} trains the network {stage.network!r}, which is not "
                "among networks; give it, or a trained teacher in its place."
            )
        _check_classes(named[stage.network], dataset)
        names = [one.name for one in recipe.stages]
        if stage.teacher is not None and stage.teacher not in (*names, *named):
            raise UserError(
                f"stage {stage.name!r} of recipe {recipe.name!r} takes a teacher that neither a stage nor you give; "
                "give it (--teacher)."
            )
        if stage.teacher == TEACHER and TEACHER in named:
            check_teacher(named[stage.network], named[TEACHER])


def _settings(model: Model, recipe: Recipe, setting: Setting, notes: Mapping[str, Any] | None) -> dict[str, Any]:
    data = setting.dataset
    return {
        "model": model.name,
        "parameters": model.count_params(),
        "image_size": image_size_of(model),
        "dataset": data.name,
        "images": [data.train_size, data.validation_size, data.test_size],
        "splits": data.splits,
        "source": data.source,
        "recipe": recipe.name,
        "stages": [asdict(stage) for stage in recipe.stages],
        "seed": setting.seed,
        "precision": setting.precision,
        "replicas": setting.strategy.num_replicas_in_sync,
        "frozen": setting.frozen,
        "notes": dict(notes or {}),
    }


def _write_beginning(named: dict[str, Model], dataset: ImageDataset, run: Run) -> None:
    """What a training needs to be continued from its folder alone."""
    for name, network in named.items():
        run.write(f"{NETWORKS}/{name}.keras", as_bytes(network))
    run.write(LABELS, "".join(f"{name}\n" for name in dataset.class_names).encode())


def _reopen(recipe: Recipe, run: Run, repeat: str | None) -> None:
    """Makes stages unfinished that are to be repeated, with those that build on them, or have more epochs now."""
    if repeat is not None:
        for stage in [recipe.stage(repeat), *_dependents(recipe, repeat)]:
            run.stage(stage.name).discard()
    epochs = {stage["name"]: stage["epochs"] for stage in read_settings(run.folder)["stages"]}
    for stage in recipe.stages:
        if stage.epochs == epochs[stage.name] or not run.stage(stage.name).is_finished:
            continue
        begun = [one.name for one in _dependents(recipe, stage.name) if run.stage(one.name).folder.exists()]
        if begun:
            raise UserError(
                f"stage {begun[0]!r} builds on {stage.name!r}, which had {epochs[stage.name]} epochs and not "
                f"{stage.epochs}; repeat it with --repeat {stage.name}, or leave its epochs."
            )
        run.stage(stage.name).reopen()


def _dependents(recipe: Recipe, name: str) -> list[Stage]:
    """The stages that take weights or a teacher from one, or from one that does."""
    names, found = {name}, []
    for stage in recipe.stages:
        if stage.start in names or stage.teacher in names:
            names.add(stage.name)
            found.append(stage)
    return found


def _carry_out_all(recipe: Recipe, named: dict[str, Model], run: Run, setting: Setting) -> TrainingResult:
    """Carries out what is left of the stages."""
    models: dict[str, Model] = {TEACHER: named[TEACHER]} if TEACHER in named else {}
    stages: dict[str, list[Row]] = {}
    for stage in recipe.stages:
        folder, network = run.stage(stage.name), named[stage.network]
        if folder.is_finished:
            models[stage.name] = _read(network_at(network, stage), folder)
            stages[stage.name] = folder.read_metrics(stage.epochs)
            continue
        start = None if stage.start is None else models[stage.start]
        teacher = None if stage.teacher is None else models[stage.teacher]
        begun = initial_network(stage, network, start, setting)
        stages[stage.name] = carry_out(stage, begun, teacher, folder, setting)
        models[stage.name] = begun
    last = recipe.stages[-1]
    named[last.network].set_weights(models[last.name].get_weights())
    if run.is_chief:
        run.write(MODEL, run.stage(last.name).model_path.read_bytes())
    return TrainingResult(run.model_path, run.stage(last.name).best_path, stages)


def _read(network: Model, folder: StageFolder) -> Model:
    """The network of a finished stage."""
    try:
        network.load_weights(folder.model_path)
    except Exception as error:  # Keras, h5py and zipfile each raise their own
        raise UserError(
            f"{str(folder.model_path)!r} is damaged, and later stages need it; train stage {folder.folder.name!r} "
            "again (--repeat)."
        ) from error
    return network
