"""The file of packed weights: a zip of numpy arrays, none of which is read before its shape was checked."""

import json
import math
import zipfile

import numpy as np

from larq_el.errors import UserError

FORMAT = "larq_el weights"
VERSION = 1
HEADER = "header"
MOST_HEADER_BYTES = 1 << 16


def read_header(archive: zipfile.ZipFile, path: str) -> str:
    """The name of the model that the file was saved from.

    # Arguments
        archive: the file.
        path: of it, for messages.

    # Raises
        ValueError: where it is no such file, or of another version.
    """
    try:
        header = json.loads(read_array(archive, HEADER, None, np.dtype(np.uint8)).tobytes())
    except (KeyError, ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise UserError(f"{path!r} is no file of packed weights; give one that save_weights wrote.")
    if header.get("version") != VERSION:
        raise UserError(
            f"{path!r} is of version {header.get('version')!r} of the format, and this release of larq_el reads "
            f"{VERSION}; update larq_el, or save the weights again."
        )
    return str(header.get("model"))


def read_array(archive: zipfile.ZipFile, key: str, shape: tuple[int, ...] | None, dtype: np.dtype) -> np.ndarray:
    """An array of the file, read after its shape has been checked: a file cannot have more read than the model holds.

    # Arguments
        archive: the file.
        key: name of the array.
        shape: that it must have; None for the header, which is of one axis and short.
        dtype: that it must have.

    # Raises
        ValueError: where it is another array, or damaged.
    """
    info = archive.getinfo(f"{key}.npy")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{key!r} is compressed in a way that numpy does not use")
    with archive.open(info) as stream:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError(f"{key!r} is no array of version 1.0")
        found, fortran, kind = np.lib.format.read_array_header_1_0(stream)
        if shape is None and len(found) == 1 and 0 <= found[0] <= MOST_HEADER_BYTES:
            shape = found
        if shape is None or found != shape or kind != dtype or fortran:
            raise ValueError(f"{key!r} is {kind} of shape {found}, and the model's is {dtype} of shape {shape}")
        size = math.prod(shape) * dtype.itemsize
        content = stream.read(size)
        # reading on finds the end, where the checksum is compared
        if len(content) != size or stream.read(1):
            raise ValueError(f"{key!r} has another length than it says")
    return np.frombuffer(content, dtype).reshape(shape)
