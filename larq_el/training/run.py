"""The folder of a training: settings, checkpoints, one row of metrics an epoch, at last the model."""

import contextlib
import fcntl
import json
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from larq_el.errors import UserError, first_line
from larq_el.files import replacing, write_atomically

SETTINGS, METRICS, MODEL, CHECKPOINTS, LOCK = "settings.json", "metrics.json", "model.keras", "checkpoints", ".lock"
Rows = list[dict[str, float]]


class Run:
    """A folder that one training at a time may use; a killed one leaves it to the next.

    # Arguments
        folder: of the training.
        settings: what makes it this training and no other.
        resume: whether to continue the training in the folder.

    # Raises
        ValueError: where the folder cannot be used, is in use, holds another training (with `resume`) or anything at
            all (without), or what it holds is damaged.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], *, resume: bool) -> None:
        self.folder, self.model_path = folder, folder / MODEL
        check_folder(folder, resume=resume)
        with self.writing("the folder"):
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(folder)
        try:
            # again, now that nobody else comes in between
            check_folder(folder, resume=resume)
            if resume:
                _check_settings(folder, settings)
            else:
                with self.writing("the settings"):
                    write_atomically(folder / SETTINGS, (json.dumps(settings, indent=2) + "\n").encode())
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leaves the folder to others."""
        self._lock.close()

    @contextlib.contextmanager
    def writing(self, what: str) -> Iterator[None]:
        """Says in a sentence what the disk, or the right to write, is missing for.

        # Arguments
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
                f"cannot write {what} of the training into {str(self.folder)!r} ({first_line(error)}); make room, or "
                "name a folder that can be written, and resume the training."
            ) from error

    def read_metrics(self, epochs: int) -> Rows:
        """The rows of the epochs that are done; what cannot be read is lost, and said so.

        # Arguments
            epochs: how many are done.
        """
        path = self.folder / METRICS
        try:
            rows = json.loads(path.read_text())
            if not isinstance(rows, list) or not all(isinstance(row, dict) and "epoch" in row for row in rows):
                raise ValueError("it holds no rows of epochs")
        except (OSError, ValueError) as error:
            if epochs:
                warnings.warn(
                    f"{str(path)!r} cannot be read ({first_line(error)}): the metrics of the first {epochs} epochs are "
                    "lost, the training goes on.",
                    stacklevel=2,
                )
            return []
        return [row for row in rows if row["epoch"] <= epochs]

    def write_metrics(self, rows: Rows) -> None:
        """Writes all rows."""
        with self.writing("the metrics"):
            write_atomically(self.folder / METRICS, (json.dumps(rows, indent=1) + "\n").encode())

    def save(self, model: Any) -> None:
        """Saves the model, whole or not at all."""
        with self.writing("the model"), replacing(self.model_path) as temporary:
            model.save(temporary)

    def checkpoints(self) -> list[str]:
        """Prefixes of the checkpoints, the last first, whatever TensorFlow's own list of them holds."""
        folder = self.folder / CHECKPOINTS
        for left in folder.glob("*_temp*"):  # what a killed training was writing
            with contextlib.suppress(OSError):
                left.unlink()
        numbered = [(int(found[1]), path) for path in folder.glob("ckpt-*.index") if (found := _numbered(path))]
        return [str(path.with_suffix("")) for _, path in sorted(numbered, reverse=True)]


def check_folder(folder: Path, *, resume: bool) -> None:
    """Refuses a folder that a training cannot use; loads no TensorFlow.

    # Arguments
        folder: of the training.
        resume: whether to continue the training in it.

    # Raises
        ValueError: where it is none, is not empty (without `resume`), or holds no training (with it).
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{str(folder)!r} is a file; name a folder for the training.")
    if resume and not (folder / SETTINGS).is_file():
        raise UserError(f"there is no training to resume in {str(folder)!r}; leave out --resume to start one.")
    if not resume and folder.is_dir() and any(path.name != LOCK for path in folder.iterdir()):
        raise UserError(f"{str(folder)!r} exists and is not empty; resume the training there, or name another folder.")


def _numbered(path: Path) -> re.Match[str] | None:
    return re.fullmatch(r"ckpt-(\d+)\.index", path.name)


def _locked(folder: Path) -> IO[bytes]:
    """The lock of a folder, which the system takes back when its process ends, however that is."""
    file = (folder / LOCK).open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise UserError(f"another training is using {str(folder)!r}; wait for it, or name another folder.") from error
    return file


def _is_of_the_disk(error: Exception) -> bool:
    """TensorFlow and HDF5 have errors of their own for what the system refuses."""
    names = {"OpError", "ResourceExhaustedError", "PermissionDeniedError", "UnknownError", "FailedPreconditionError"}
    return isinstance(error, OSError) or bool(names & {kind.__name__ for kind in type(error).__mro__})


def read_settings(folder: Path) -> dict[str, Any]:
    """The settings of the training in a folder.

    # Arguments
        folder: of the training.

    # Raises
        ValueError: where they are damaged.
    """
    path = folder / SETTINGS
    try:
        settings = json.loads(path.read_text())
        if not isinstance(settings, dict):
            raise ValueError("it holds no object")
    except (OSError, ValueError) as error:
        raise UserError(
            f"{str(path)!r} is damaged ({first_line(error)}), so that nobody knows what was trained; put it back, or "
            "start the training again in another folder."
        ) from error
    return settings


def _check_settings(folder: Path, settings: dict[str, Any]) -> None:
    old = read_settings(folder)
    for name in sorted(old.keys() | settings.keys()):
        before, now = old.get(name), json.loads(json.dumps(settings.get(name)))
        if before != now:
            raise UserError(
                f"the training in {str(folder)!r} was started with {name} {before!r}, not {now!r}; resume it with its "
                "own settings."
            )


def remove(path: str) -> None:
    """Removes a checkpoint's files.

    # Arguments
        path: its prefix.
    """
    for file in Path(path).parent.glob(f"{Path(path).name}.*"):
        with contextlib.suppress(OSError):
            os.unlink(file)
