"""Writing files so that none is ever half written or lost."""

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from larq_el.errors import UserError, first_line

OLD = 60.0
"""Seconds after which a temporary file that nobody holds is what a killed process left."""


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes under a temporary name in the same folder, then renames: readers see the old file or the new one.

    # Arguments
        path: of the file.
        data: its content.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_output(path: str | os.PathLike[str], data: bytes) -> None:
    """As `write_atomically`, for a file that a user named.

    # Arguments
        path: of the file.
        data: its content.

    # Raises
        ValueError: where it cannot be written: the disk is full, or the folder may not be written.
    """
    try:
        write_atomically(path, data)
    except OSError as error:
        raise UserError(f"cannot write {str(path)!r}: {first_line(error)}; give another folder.") from error


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary file beside `path`, of its suffix, which takes its place at the end; where something fails, it goes.

    A link of that name is replaced, and what it points to stays as it is. What killed processes left is removed: files
    that are locked are being written.

    # Arguments
        path: of the file.
    """
    path = Path(path)
    remove_leftovers(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield temporary
            # mkstemp's file is private; a result is as readable as any other new file
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(name, 0o666 & ~umask)
            os.replace(name, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_leftovers(path: Path) -> None:
    """Removes the temporary files that killed processes left in writing a file.

    # Arguments
        path: of the file.
    """
    for name in path.parent.glob(f".{path.name}.*"):
        with contextlib.suppress(OSError), name.open("rb") as file:
            if time.time() - os.fstat(file.fileno()).st_mtime > OLD:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails where it is being written
                name.unlink()


def check_output(
    path: str | os.PathLike[str], *, overwrite: bool = False, reads: Iterable[str | os.PathLike[str] | None] = ()
) -> Path:
    """The path of a file that is about to be written.

    # Arguments
        path: of the file.
        overwrite: whether it may replace a file that exists.
        reads: what the same command reads, which it must not replace; names of other things than files, and None, do no
            harm.

    # Raises
        ValueError: where its folder does not exist, it exists and `overwrite` is not set, or it is one of `reads`.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise UserError(f"cannot write {str(path)!r}: there is no folder {str(path.parent)!r}.")
    if path.is_dir():
        raise UserError(f"cannot write {str(path)!r}: it is a folder.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UserError(f"cannot write {str(path)!r}: folder {str(path.parent)!r} is read-only; give another one.")
    there = [name for name in reads if name is not None and path.exists() and os.path.exists(name)]
    if source := next((name for name in there if os.path.samefile(path, name)), None):
        raise UserError(f"cannot write {str(path)!r}: this command reads it ({str(source)!r}); give another name.")
    if path.exists() and not overwrite:
        raise UserError(f"{str(path)!r} exists; give --overwrite to replace it, or another name.")
    return path
