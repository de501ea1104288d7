"""The training loop: carries out a recipe, with a checkpoint after every epoch to continue from."""

import os
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from larq_el._keras import Model, keras, tf
from larq_el.data.dataset import ImageDataset
from larq_el.data.image_size import image_size_of
from larq_el.data.labels import label_errors
from larq_el.errors import UserError, first_line
from larq_el.training.gradients import fused_gradients
from larq_el.training.run import CHECKPOINTS, Rows, Run, remove
from larq_el.zoo.recipes import Recipe

KEPT = 2
"""Checkpoints: where the last one is damaged, the one before it is used."""


@dataclass(frozen=True)
class TrainingResult:
    """What a training came to.

    # Attributes
        model_path: the saved Keras model.
        metrics: one row an epoch: epoch, loss, accuracy, test_loss, test_accuracy, learning_rate.
    """

    model_path: Path
    metrics: Rows


def learning_rate_schedule(recipe: Recipe, steps: int) -> Any:
    """The recipe's learning rate over `steps` steps in all."""
    # Keras counts steps from 0 and keeps the old rate in the boundary's own step
    boundaries = [round(drop * steps) - 1 for drop in recipe.drops]
    values = [recipe.learning_rate * recipe.drop_factor**drop for drop in range(len(boundaries) + 1)]
    return keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, values)


def train(
    model: Model,
    dataset: ImageDataset,
    recipe: Recipe,
    output: str | os.PathLike[str],
    *,
    resume: bool = False,
    seed: int = 0,
    verbose: int | str = "auto",
    on_epoch: Callable[[dict[str, float]], None] | None = None,
) -> TrainingResult:
    """Trains a classifier.

    A checkpoint is written after every epoch. A training that was interrupted continues with `resume=True` from the
    last of them, with the same weights, optimizer state, order of images and augmentation as if it had not stopped.

    # Arguments
        model: a `tf.keras.Model` of an image (N, H, W, 3), with probabilities (N, classes) as its output.
        dataset: see `load_dataset`.
        recipe: see `larq_el.zoo.recipes`.
        output: folder for settings.json, checkpoints, metrics.json and at last model.keras.
        resume: continue the training in `output`.
        seed: of the order of images and of the augmentation; also becomes TensorFlow's global seed, on which the order
            depends. The model's initial weights are its builder's.
        verbose: Keras's progress bar: "auto", 0, 1 or 2.
        on_epoch: is called with each new row of metrics.

    # Returns
        A `TrainingResult`.

    # Raises
        ValueError: where `output` is not empty (without `resume`), holds another training (with it), the model's
            classes are not the data set's, or the loss stops being finite.
    """
    if model.output_shape[-1] != len(dataset.class_names):
        raise UserError(
            f"{model.name!r} has {model.output_shape[-1]} classes and {dataset.name!r} has {len(dataset.class_names)}; "
            f"build the model with classes={len(dataset.class_names)}."
        )
    size = image_size_of(model)
    steps = -(-dataset.train_size // recipe.batch_size)
    settings = {"model": model.name, "parameters": model.count_params(), "image_size": size, "dataset": dataset.name}
    settings["splits"] = dataset.splits
    run = Run(Path(output), {**settings, "seed": seed, **asdict(recipe)}, resume=resume)
    try:
        with label_errors(dataset.name), fused_gradients():
            rows = _epochs(model, dataset, recipe, run, size, steps, seed=seed, verbose=verbose, on_epoch=on_epoch)
        run.save(model)
    finally:
        run.close()
    return TrainingResult(run.model_path, rows)


def _epochs(
    model: Model,
    dataset: ImageDataset,
    recipe: Recipe,
    run: Run,
    size: tuple[int, int],
    steps: int,
    *,
    seed: int,
    verbose: int | str,
    on_epoch: Callable[[dict[str, float]], None] | None,
) -> Rows:
    """Carries out the epochs that are not done yet, each with a checkpoint."""
    optimizer = keras.optimizers.Adam(learning_rate_schedule(recipe, steps * recipe.epochs))
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    optimizer.build(model.trainable_variables)
    done = tf.Variable(0, dtype=tf.int64, trainable=False)
    checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer, epochs_done=done)
    _restore(checkpoint, run)
    # TensorFlow's list of checkpoints may be damaged too; ours is the folder
    (run.folder / CHECKPOINTS / "checkpoint").unlink(missing_ok=True)
    manager = tf.train.CheckpointManager(checkpoint, str(run.folder / CHECKPOINTS), max_to_keep=KEPT)
    rows = run.read_metrics(int(done))
    test = dataset.test_batches(image_size=size)
    tf.random.set_seed(seed)
    for epoch in range(int(done), recipe.epochs):
        batches = dataset.epoch(epoch, image_size=size, batch_size=recipe.batch_size, seed=seed)
        history = model.fit(
            batches, initial_epoch=epoch, epochs=epoch + 1, validation_data=test, verbose=verbose
        ).history
        if not np.isfinite(history["loss"][0]):
            raise UserError(
                f"the loss of epoch {epoch + 1} is {history['loss'][0]}; resume with a lower learning rate than "
                f"{recipe.learning_rate} in a new folder."
            )
        rows.append(_row(epoch, history, float(optimizer.learning_rate)))
        run.write_metrics(rows)
        if on_epoch is not None:
            on_epoch(rows[-1])
        done.assign(epoch + 1)
        with run.writing("a checkpoint"):
            manager.save()
        for old in run.checkpoints()[KEPT:]:
            remove(old)
    return rows


def _restore(checkpoint: Any, run: Run) -> None:
    """Restores the last checkpoint that is whole; one that is damaged is said, and the one before it taken."""
    found = run.checkpoints()
    for at, path in enumerate(found):
        try:
            checkpoint.restore(path).assert_consumed()
        except Exception as error:  # whatever TensorFlow raises of a damaged file
            what = f"continues from {found[at + 1]!r}" if at + 1 < len(found) else "there is no other"
            warnings.warn(f"checkpoint {path!r} is damaged ({first_line(error)}); {what}.", stacklevel=2)
            continue
        for damaged in found[:at]:
            remove(damaged)
        return
    if found:
        raise UserError(
            f"no checkpoint in {str(run.folder)!r} can be read; start the training again in another folder."
        )
    run.check_begun()


def _row(epoch: int, history: dict[str, list[float]], learning_rate: float) -> dict[str, float]:
    names = {"loss": "loss", "accuracy": "accuracy", "val_loss": "test_loss", "val_accuracy": "test_accuracy"}
    row = {ours: history[theirs][0] for theirs, ours in names.items()}
    return {"epoch": epoch + 1, **row, "learning_rate": learning_rate}
