"""The folder of one stage: checkpoints, one row of metrics an epoch, the best and the last model."""

import contextlib
import csv
import io
import json
import os
import re
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from larq_el.errors import UserError, first_line
from larq_el.files import replacing, write_atomically

METRICS, TABLE, GAMMAS, MODEL, BEST, GOOD = (
    "metrics.json",
    "metrics.csv",
    "gammas.json",
    "model.keras",
    "best.keras",
    "last_good.keras",
)
CHECKPOINTS, LOGS = "checkpoints", "tensorboard"
Rows = list[dict[str, float]]
UNREADABLE = (OSError, ValueError, RecursionError)
"""What reading a damaged JSON file raises: it is not there, no text, no JSON, or nested without end."""
PART = re.compile(r"ckpt-(\d+)\.(?:index|data-\d+-of-\d+)")
"""A file of a checkpoint; where one is missing, the checkpoint is damaged and not forgotten."""
UNFINISHED = re.compile(r"ckpt-\d+_temp.*|ckpt-\d+\..+\.tempstate\d+|checkpoint\.tmp[0-9a-f]{32}")
"""What TensorFlow leaves of a checkpoint whose writer was killed."""


class StageFolder:
    """What a stage leaves behind, for itself to continue from and for others to read.

    # Arguments
        folder: of the stage.
        is_chief: whether this process writes into it; of several workers one does.
    """

    def __init__(self, folder: Path, *, is_chief: bool = True) -> None:
        self.folder, self.is_chief = folder, is_chief
        self.model_path, self.best_path = folder / MODEL, folder / BEST

    def begin(self) -> None:
        """Makes the folder, and removes what a killed training was writing; the run's lock says that nobody does."""
        if self.is_chief:
            with writing(self.folder, "the folder"):
                self.folder.mkdir(exist_ok=True)
            self._remove_unfinished()

    @property
    def is_finished(self) -> bool:
        """Whether its model is there, which is written last."""
        return self.model_path.is_file()

    def reopen(self) -> None:
        """Makes the stage unfinished, to go on from its last checkpoint."""
        if self.is_chief:
            self.model_path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Removes what the stage has come to, to train it again."""
        if self.is_chief and self.folder.is_dir():
            self.reopen()  # first: whatever comes, the stage is not finished
            shutil.rmtree(self.folder)

    def read_metrics(self, epochs: int) -> Rows:
        """The rows of the epochs that are done; what cannot be read is lost, and said so.

        # Arguments
            epochs: how many are done.
        """
        path = self.folder / METRICS
        try:
            rows = json.loads(path.read_text())
            if not _are_rows(rows):
                raise ValueError("it holds no rows of epochs")
        except UNREADABLE as error:
            if epochs:
                warnings.warn(
                    f"{str(path)!r} cannot be read ({first_line(error)}): the metrics of the first {epochs} epochs are "
                    "lost, the training goes on.",
                    stacklevel=2,
                )
            return []
        return [row for row in rows if row["epoch"] <= epochs]

    def read_gammas(self, epochs: int) -> list[dict[str, Any]]:
        """The links' gammas before the first epoch and after each that is done: rows of epoch and gammas by name."""
        return [row for row in read_rows(self.folder / GAMMAS) if row["epoch"] <= epochs]

    def write_metrics(self, rows: Rows, gammas: list[dict[str, Any]]) -> None:
        """Writes all rows, as JSON and as a table."""
        if not self.is_chief:
            return
        with writing(self.folder, "the metrics"):
            write_atomically(self.folder / METRICS, (json.dumps(rows, indent=1) + "\n").encode())
            text = io.StringIO()
            names = list(dict.fromkeys(name for row in rows for name in row))
            table = csv.DictWriter(text, names)
            table.writeheader()
            table.writerows(rows)
            write_atomically(self.folder / TABLE, text.getvalue().encode())
            if gammas and gammas[0]["gammas"]:
                write_atomically(self.folder / GAMMAS, (json.dumps(gammas, indent=1) + "\n").encode())

    def save(self, model: Any, name: str) -> None:
        """Saves a model, whole or not at all."""
        if self.is_chief:
            with writing(self.folder, "the model"), replacing(self.folder / name) as temporary:
                model.save(temporary)

    def _remove_unfinished(self) -> None:
        folder = self.folder / CHECKPOINTS
        for path in folder.iterdir() if folder.is_dir() else ():
            if UNFINISHED.fullmatch(path.name) and not path.is_symlink():
                with contextlib.suppress(OSError):
                    if path.is_dir():
                        shutil.rmtree(path)
                    else:
                        path.unlink()

    @property
    def has_begun(self) -> bool:
        """Whether a checkpoint was finished: there are rows of two epochs, or TensorFlow's list of checkpoints.

        Both are written after a checkpoint; the row of an epoch alone is written before, and may be of an interruption
        in between.
        """
        return len(read_rows(self.folder / METRICS)) > 1 or (self.folder / CHECKPOINTS / "checkpoint").exists()

    def check_begun(self) -> None:
        """Refuses to begin again where a checkpoint was finished and none is left.

        # Raises
            ValueError: where it `has_begun`.
        """
        if self.has_begun:
            raise UserError(
                f"the training in {str(self.folder)!r} has lost its checkpoints; put them back, or start the training "
                "again in another folder."
            )

    def checkpoints(self) -> list[str]:
        """Prefixes of the checkpoints, the last first, whatever TensorFlow's own list of them holds."""
        folder = self.folder / CHECKPOINTS
        numbers = {int(found[1]) for path in folder.glob("ckpt-*") if (found := PART.fullmatch(path.name))}
        return [str(folder / f"ckpt-{number}") for number in sorted(numbers, reverse=True)]


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of epochs in a stage's file of metrics or gammas; none where it cannot be read.

    # Arguments
        path: of the file.
    """
    try:
        rows = json.loads(path.read_text())
    except UNREADABLE:
        return []
    return rows if _are_rows(rows) else []


@contextlib.contextmanager
def writing(folder: Path, what: str) -> Iterator[None]:
    """Says in a sentence what the disk, or the right to write, is missing for.

    # Arguments
        folder: of the training, or of a stage.
        what: is being written.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not _is_of_the_disk(error):
            raise
        raise UserError(
            f"cannot write {what} of the training into {str(folder)!r} ({first_line(error)}); make room, or "
            "name a folder that can be written, and resume the training."
        ) from error


def _is_of_the_disk(error: Exception) -> bool:
    """TensorFlow and HDF5 have errors of their own for what the system refuses."""
    names = {"OpError", "ResourceExhaustedError", "PermissionDeniedError", "UnknownError", "FailedPreconditionError"}
    return isinstance(error, OSError) or bool(names & {kind.__name__ for kind in type(error).__mro__})


def _are_rows(rows: Any) -> bool:
    return isinstance(rows, list) and all(isinstance(row, dict) and type(row.get("epoch")) is int for row in rows)


def remove(path: str) -> None:
    """Removes a checkpoint's files.

    # Arguments
        path: its prefix.
    """
    for file in Path(path).parent.glob(f"{Path(path).name}.*"):
        with contextlib.suppress(OSError):
            os.unlink(file)
