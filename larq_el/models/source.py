"""What kind of thing a user names as a model; loads no TensorFlow."""

import os
import zipfile
from pathlib import Path

from larq_el.errors import UserError

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def check_source(source: str) -> Path | None:
    """The path that a source names, or None where it can only be the name of a model; loads no TensorFlow.

    # Arguments
        source: a path or a name.

    # Raises
        ValueError: where it is a path and there is no such file, or it is not of the kind that its name says.
    """
    path = Path(source)
    try:
        if path.is_dir():
            if not (path / "saved_model.pb").is_file():
                raise UserError(f"folder {source!r} is not a SavedModel: it holds no saved_model.pb.")
            return path
        if path.is_file():
            check_file(path)
            return path
        if path.exists():
            raise UserError(f"{source!r} is not a regular file; give the path of an .h5 or .keras file.")
    except (OSError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"cannot read {source!r}: {getattr(error, 'strerror', None) or error}.") from error
    if path.suffix or os.sep in source:
        raise UserError(f"there is no file {source!r}.")
    return None


def check_file(path: Path) -> None:
    """Refuses a file of another kind than its name says.

    # Arguments
        path: of an `.h5`, `.hdf5` or `.keras` file.

    # Raises
        ValueError: where it is none.
    """
    with path.open("rb") as file:
        start = file.read(8)
    kind = {".h5": "HDF5", ".hdf5": "HDF5", ".keras": "Keras"}.get(path.suffix)
    if kind is None:
        raise UserError(f"{str(path)!r} is not a model: its name must end in .h5, .hdf5 or .keras, or be a SavedModel.")
    if (start != HDF5_SIGNATURE) if kind == "HDF5" else not zipfile.is_zipfile(path):
        raise UserError(f"{str(path)!r} is not {'an' if kind == 'HDF5' else 'a'} {kind} file, whatever its name says.")
