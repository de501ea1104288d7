"""Writing files so that none is ever half written or lost.

A file is written under a temporary name, `.NAME.partial-XXXXXXXX` and the suffix of NAME, which its writer keeps locked
(`flock`). A writer that was killed leaves its temporary file behind without a lock: whoever writes the same name next
removes it, and never the file of a writer that lives, nor one of another name.
"""

import contextlib
import fcntl
import glob
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from larq_el.errors import UserError, first_line


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
    handle, name = _locked_temporary(path)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb"):
            yield temporary
            # mkstemp's file is private; a result is as readable as any other new file
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(name, 0o666 & ~umask)
            os.replace(name, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def leftovers(path: str | os.PathLike[str]) -> list[Path]:
    """The temporary files of `path`, of writers that live or were killed.

    # Arguments
        path: of the file.
    """
    prefix, suffix = _temporary_name(Path(path))
    return sorted(Path(path).parent.glob(f"{glob.escape(prefix)}{'?' * 8}{glob.escape(suffix)}"))


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Removes the temporary files that killed processes left in writing a file.

    # Arguments
        path: of the file.
    """
    for left in leftovers(path):
        with contextlib.suppress(OSError):
            # a link or a pipe is no temporary file of ours
            handle = os.open(left, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails where it is being written
                left.unlink()
            finally:
                os.close(handle)


def _temporary_name(path: Path) -> tuple[str, str]:
    """What a temporary file's name begins and ends with; nobody else's files are called so."""
    return f".{path.name}.partial-", path.suffix


def _locked_temporary(path: Path) -> tuple[int, str]:
    """The handle and the name of a new temporary file, locked."""
    prefix, suffix = _temporary_name(path)
    while True:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=suffix)
        # where a file system has no locks, nobody gets one, and leftovers stay
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.path.exists(name):
            return handle, name
        os.close(handle)  # another writer took it for a leftover before it was locked


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
    try:
        _check_output(path, overwrite=overwrite, reads=reads)
    except OSError as error:  # as for a name that is too long, or a folder that may not be entered
        raise UserError(f"cannot write {str(path)!r}: {error.strerror or error}; give another name.") from error
    return path


def _check_output(path: Path, *, overwrite: bool, reads: Iterable[str | os.PathLike[str] | None]) -> None:
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
