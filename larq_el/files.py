"""Writing files so that none is ever half written or lost."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from larq_el.errors import UserError


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes under a temporary name in the same folder, then renames: readers see the old file or the new one.

    # Arguments
        path: of the file.
        data: its content.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        # mkstemp's file is private; a result is as readable as any other new file
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


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
    there = [name for name in reads if name is not None and path.exists() and os.path.exists(name)]
    if source := next((name for name in there if os.path.samefile(path, name)), None):
        raise UserError(f"cannot write {str(path)!r}: this command reads it ({str(source)!r}); give another name.")
    if path.exists() and not overwrite:
        raise UserError(f"{str(path)!r} exists; give --overwrite to replace it, or another name.")
    return path
