"""The folder of a training: settings, checkpoints, one row of metrics an epoch, at last the model."""

import contextlib
import fcntl
import json
import os
import re
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from larq_el.errors import UserError, first_line
from larq_el.files import leftovers, replacing, write_atomically

SETTINGS, METRICS, MODEL, CHECKPOINTS, LOCK = "settings.json", "metrics.json", "model.keras", "checkpoints", ".lock"
Rows = list[dict[str, float]]
UNREADABLE = (OSError, ValueError, RecursionError)
"""What reading a damaged JSON file raises: it is not there, no text, no JSON, or nested without end."""
PART = re.compile(r"ckpt-(\d+)\.(?:index|data-\d+-of-\d+)")
"""A file of a checkpoint; where one is missing, the checkpoint is damaged and not forgotten."""
UNFINISHED = re.compile(r"ckpt-\d+_temp.*|ckpt-\d+\..+\.tempstate\d+|checkpoint\.tmp[0-9a-f]{32}")
"""What TensorFlow leaves of a checkpoint whose writer was killed."""


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
            check_folder(folder, resume=resume, in_use=True)
            self.remove_unfinished()
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

    def write_metrics(self, rows: Rows) -> None:
        """Writes all rows."""
        with self.writing("the metrics"):
            write_atomically(self.folder / METRICS, (json.dumps(rows, indent=1) + "\n").encode())

    def save(self, model: Any) -> None:
        """Saves the model, whole or not at all."""
        with self.writing("the model"), replacing(self.model_path) as temporary:
            model.save(temporary)

    def remove_unfinished(self) -> None:
        """Removes checkpoints that a killed training was writing; the lock says that nobody does any more."""
        folder = self.folder / CHECKPOINTS
        for path in folder.iterdir() if folder.is_dir() else ():
            if UNFINISHED.fullmatch(path.name) and not path.is_symlink():
                with contextlib.suppress(OSError):
                    if path.is_dir():
                        shutil.rmtree(path)
                    else:
                        path.unlink()

    def check_begun(self) -> None:
        """Refuses to begin again where epochs were finished and no checkpoint is left of them.

        # Raises
            ValueError: where there are rows of more than one epoch, or TensorFlow's list of checkpoints: both are
                written after a checkpoint.
        """
        try:
            rows = json.loads((self.folder / METRICS).read_text())
        except UNREADABLE:
            rows = []
        # the row of an epoch is written before its checkpoint: one alone may be of an interruption in between
        if (_are_rows(rows) and len(rows) > 1) or (self.folder / CHECKPOINTS / "checkpoint").exists():
            raise UserError(
                f"the training in {str(self.folder)!r} has lost its checkpoints; put them back, or start the training "
                "again in another folder."
            )

    def checkpoints(self) -> list[str]:
        """Prefixes of the checkpoints, the last first, whatever TensorFlow's own list of them holds."""
        folder = self.folder / CHECKPOINTS
        numbers = {int(found[1]) for path in folder.glob("ckpt-*") if (found := PART.fullmatch(path.name))}
        return [str(folder / f"ckpt-{number}") for number in sorted(numbers, reverse=True)]


def check_folder(folder: Path, *, resume: bool, in_use: bool = False) -> None:
    """Refuses a folder that a training cannot use; loads no TensorFlow.

    # Arguments
        folder: of the training.
        resume: whether to continue the training in it.
        in_use: whether it is this process that uses it.

    # Raises
        ValueError: where it is none, cannot be written to, is in use, is not empty (without `resume`), or holds no
            training or a damaged one (with it).
    """
    with _said(folder):
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not there.is_dir():
            what = "" if there == folder else f"{str(folder)!r} cannot be made: "
            raise UserError(f"{what}{str(there)!r} is a file; name a folder for the training.")
        if resume and not (folder / SETTINGS).is_file():
            raise UserError(f"there is no training to resume in {str(folder)!r}; leave out --resume to start one.")
        if not resume and folder.is_dir() and set(folder.iterdir()) - {folder / LOCK, *leftovers(folder / SETTINGS)}:
            raise UserError(
                f"{str(folder)!r} exists and is not empty; resume the training there, or name another folder."
            )
        if resume:
            read_settings(folder)
        if not os.access(there, os.W_OK | os.X_OK):
            raise UserError(f"cannot train in {str(folder)!r}: folder {str(there)!r} is read-only; name another one.")
        if (folder / LOCK).exists() and not in_use:
            _locked(folder).close()


@contextlib.contextmanager
def _said(folder: Path) -> Iterator[None]:
    """What the system says of a folder that cannot even be looked at, as a sentence."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot use folder {str(folder)!r}: {error.strerror or error}; name another one.") from error


def _are_rows(rows: Any) -> bool:
    return isinstance(rows, list) and all(isinstance(row, dict) and type(row.get("epoch")) is int for row in rows)


def _locked(folder: Path) -> IO[bytes]:
    """The lock of a folder, which the system takes back when its process ends, however that is."""
    # not through a link, which may lead to a file of somebody's, and nothing of which is overwritten
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    file = os.fdopen(handle, "r+b", buffering=0)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise UserError(f"another training is using {str(folder)!r}; wait for it, or name another folder.") from error
    except OSError:
        file.close()
        raise
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
    except UNREADABLE as error:
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
