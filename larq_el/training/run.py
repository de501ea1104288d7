"""The folder of a training: its settings, the networks it begins with, a folder for each stage, at last the model."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from larq_el.errors import UserError, first_line
from larq_el.files import leftovers, write_atomically
from larq_el.training.stage_folder import UNREADABLE, StageFolder, writing

SETTINGS, MODEL, NETWORKS, LABELS, LOCK = "settings.json", "model.keras", "networks", "labels.txt", ".lock"


class Run:
    """A folder that one training at a time may use; a killed one leaves it to the next.

    # Arguments
        folder: of the training.
        settings: what makes it this training and no other.
        resume: whether to continue the training in the folder.
        is_chief: whether this process writes into the folder; of several workers one does.

    # Raises
        ValueError: where the folder cannot be used, is in use, holds another training (with `resume`) or anything at
            all (without), or what it holds is damaged.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], *, resume: bool, is_chief: bool = True) -> None:
        self.folder, self.model_path, self.is_chief = folder, folder / MODEL, is_chief
        self._lock: IO[bytes] | None = None
        if not is_chief:
            return
        check_folder(folder, resume=resume)
        with writing(folder, "the folder"):
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(folder)
        try:
            # again, now that nobody else comes in between
            check_folder(folder, resume=resume, in_use=True)
            if resume:
                _check_settings(folder, settings)
            else:
                self.write_settings(settings)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leaves the folder to others."""
        if self._lock is not None:
            self._lock.close()

    def write_settings(self, settings: dict[str, Any]) -> None:
        """Writes the settings, of more epochs than before, perhaps."""
        self.write(SETTINGS, (json.dumps(settings, indent=2) + "\n").encode())

    def stage(self, name: str) -> StageFolder:
        """The folder of a stage."""
        return StageFolder(self.folder / name, is_chief=self.is_chief)

    def write(self, name: str, content: bytes) -> None:
        """Writes a file, whole or not at all."""
        if self.is_chief:
            with writing(self.folder, name):
                path = self.folder / name
                path.parent.mkdir(exist_ok=True)
                write_atomically(path, content)


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
    """Refuses settings of another training; more epochs, or fewer, are the same one."""
    old, new = _flat(read_settings(folder)), _flat(json.loads(json.dumps(settings)))
    for name in sorted(old.keys() | new.keys()):
        before, now = old.get(name), new.get(name)
        if before != now and not (name.startswith("stages.") and name.endswith(".epochs")):
            raise UserError(
                f"the training in {str(folder)!r} was started with {name} {before!r}, not {now!r}; resume it with its "
                "own settings."
            )


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """The leaves of a JSON document by their paths; a stage's by its name."""
    if isinstance(value, list) and value and all(isinstance(one, dict) and "name" in one for one in value):
        value = {str(one["name"]): one for one in value}
    if not isinstance(value, dict) or not value:
        return {prefix.rstrip("."): value}
    leaves: dict[str, Any] = {}
    for name, one in value.items():
        leaves.update(_flat(one, f"{prefix}{name}."))
    return leaves
