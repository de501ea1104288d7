"""The training loop: carries out a recipe, with a checkpoint after every epoch to continue from."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from larq_el._keras import Model, keras, tf
from larq_el.data.dataset import ImageDataset
from larq_el.data.image_size import image_size_of
from larq_el.errors import UserError
from larq_el.files import write_atomically
from larq_el.zoo.recipes import Recipe


@dataclass(frozen=True)
class TrainingResult:
    """What a training came to.

    # Attributes
        model_path: the saved Keras model.
        metrics: one row an epoch: epoch, loss, accuracy, test_loss, test_accuracy, learning_rate.
    """

    model_path: Path
    metrics: list[dict[str, float]]


def learning_rate_schedule(recipe: Recipe, steps: int) -> Any:
    """The recipe's learning rate over `steps` steps in all."""
    # Keras counts steps from 0 and keeps the old rate in the boundary's own step
    boundaries = [round(drop * steps) - 1 for drop in recipe.drops]
    values = [recipe.learning_rate * recipe.drop_factor**drop for drop in range(len(boundaries) + 1)]
    return keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, values)


class _Run:
    """The folder of a training: settings, checkpoints, one row of metrics an epoch, at last the model."""

    def __init__(self, folder: Path, settings: dict[str, Any], *, resume: bool) -> None:
        self.folder = folder
        self.model_path = folder / "model.keras"
        self._metrics = folder / "metrics.json"
        path = folder / "settings.json"
        if resume:
            if not path.is_file():
                raise UserError(f"there is no training to resume in {str(folder)!r}; leave out --resume to start one.")
            self._check(json.loads(path.read_text()), settings)
        elif folder.exists() and any(folder.iterdir()):
            raise UserError(
                f"{str(folder)!r} exists and is not empty; resume the training there, or name another folder."
            )
        else:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, (json.dumps(settings, indent=2) + "\n").encode())

    def _check(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        for name in sorted(old.keys() | new.keys()):
            before, now = old.get(name), json.loads(json.dumps(new.get(name)))
            if before != now:
                raise UserError(
                    f"the training in {str(self.folder)!r} was started with {name} {before!r}, not {now!r}; "
                    "resume it with its own settings."
                )

    def read_metrics(self) -> list[dict[str, float]]:
        return json.loads(self._metrics.read_text()) if self._metrics.is_file() else []

    def write_metrics(self, rows: list[dict[str, float]]) -> None:
        write_atomically(self._metrics, (json.dumps(rows, indent=1) + "\n").encode())


def train(
    model: Model,
    dataset: ImageDataset,
    recipe: Recipe,
    output: str | os.PathLike[str],
    *,
    resume: bool = False,
    seed: int = 0,
    verbose: int | str = "auto",
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
    run = _Run(Path(output), {**settings, "seed": seed, **asdict(recipe)}, resume=resume)
    optimizer = keras.optimizers.Adam(learning_rate_schedule(recipe, steps * recipe.epochs))
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    optimizer.build(model.trainable_variables)
    done = tf.Variable(0, dtype=tf.int64, trainable=False)
    checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer, epochs_done=done)
    manager = tf.train.CheckpointManager(checkpoint, str(run.folder / "checkpoints"), max_to_keep=2)
    if resume and manager.latest_checkpoint:
        checkpoint.restore(manager.latest_checkpoint).assert_consumed()
    rows = run.read_metrics()[: int(done)]
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
        done.assign(epoch + 1)
        manager.save()
    _save(model, run.model_path)
    return TrainingResult(run.model_path, rows)


def _row(epoch: int, history: dict[str, list[float]], learning_rate: float) -> dict[str, float]:
    names = {"loss": "loss", "accuracy": "accuracy", "val_loss": "test_loss", "val_accuracy": "test_accuracy"}
    row = {ours: history[theirs][0] for theirs, ours in names.items()}
    return {"epoch": epoch + 1, **row, "learning_rate": learning_rate}


def _save(model: Model, path: Path) -> None:
    """Saves under a temporary name first, so that a file of this name is always whole."""
    partial = path.with_name(f"partial-{path.name}")
    model.save(partial)
    os.replace(partial, path)
