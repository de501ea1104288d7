"""Samples to compare models on: from a data set, or from a file of arrays; a file needs no TensorFlow."""

import io
import math
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from larq_el.errors import UserError, first_line

LABELS = "labels"
"""The array of a file that holds the classes."""
MOST_BYTES = 2 << 30
"""Of the rows that are read from all arrays of a file, whatever else it unpacks to."""
MOST_HEADER = 16_384
"""Bytes; numpy itself takes no header of more than 10,000."""
ALL = 1 << 62


def is_file(source: str | os.PathLike[str]) -> bool:
    """Whether a source of samples is a file of arrays, and no data set.

    # Arguments
        source: as of `load_samples`.
    """
    return Path(source).suffix in (".npz", ".npy")


def load_samples(
    source: str | os.PathLike[str],
    inputs: Sequence[str],
    count: int | None,
    *,
    image_shape: Any = None,
    data_dir: str | None = None,
) -> tuple[list[np.ndarray], np.ndarray | None]:
    """Samples for a model's inputs.

    # Arguments
        source: a data set (see `larq_el.training.load_dataset`), of which the first test images are taken
            (training images where it has no others); an `.npz`
            file with an array for each input, named after it (of a single input the name is free), preprocessed as the
            model expects, and with the classes as `labels` if they are known; or an `.npy` file of one input's array.
        inputs: names of the model's inputs.
        count: of samples, at most; None for all. No more than these are read.
        image_shape: of a data set's images, the model or the shape of its input, see `image_size_of`.
        data_dir: where TensorFlow Datasets keeps its data.

    # Returns
        An array for each of the model's inputs in its order, and the classes or None.

    # Raises
        ValueError: where the file cannot be read, lacks an input or holds no finite numbers, or the data set is of
            another kind than the model.
    """
    if count is not None and count < 1:
        raise UserError(f"the number of samples must be at least 1, got {count}.")
    if not is_file(source):
        from larq_el.data.image_size import image_size_of
        from larq_el.data.load import load_dataset

        data = load_dataset(os.fspath(source), data_dir, any_images=True)
        images, labels = data.samples(count, image_size_of(image_shape))
        return [images], labels
    arrays = _read(Path(source), ALL if count is None else count)
    classes = arrays.pop(LABELS) if len(arrays) > 1 and LABELS in arrays else None
    names = list(inputs)
    if len(names) == len(arrays) == 1:
        names = list(arrays)
    if missing := [name for name in names if name not in arrays]:
        raise UserError(
            f"{str(source)!r} lacks an array for input {missing[0]!r}, it has "
            f"{', '.join(map(repr, arrays)) or 'none'}; name each array after the model's input."
        )
    return [_finite(arrays[name], name, source) for name in names], classes


def check_labels(labels: np.ndarray, classes: int) -> None:
    """Refuses labels that name no class, which would count as errors.

    # Arguments
        labels: integers.
        classes: how many a model tells apart.

    # Raises
        ValueError: where one is below 0 or has no class.
    """
    if labels.dtype.kind not in "iub":
        raise UserError(f"labels must be integers, got {labels.dtype}; give the number of each sample's class.")
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        at = int(wrong[0])
        raise UserError(
            f"label {at} is {labels.reshape(-1)[at]}, and the model has the classes 0 to {classes - 1} ({len(wrong)} "
            f"of {labels.size} labels are none of them); leave those samples out, or count classes from 0."
        )


def _finite(values: np.ndarray, name: str, source: str | os.PathLike[str]) -> np.ndarray:
    bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if bad.any():
        raise UserError(
            f"sample {int(bad.argmax())} of array {name!r} in {str(source)!r} holds NaN or infinity, as do "
            f"{int(bad.sum())} of {len(values)}; leave those out."
        )
    return values


def _read(path: Path, count: int) -> dict[str, np.ndarray]:
    """The first rows of each array of a file."""
    if not path.is_file():
        raise UserError(f"there is no file {str(path)!r}.")
    try:
        if path.suffix == ".npy":
            with path.open("rb") as file:
                return {path.stem: _rows(file, count, path.stem, path, MOST_BYTES)}
        with zipfile.ZipFile(path) as archive:
            arrays: dict[str, np.ndarray] = {}
            for entry in archive.namelist():
                name = entry.removesuffix(".npy")
                with archive.open(entry) as file:
                    room = MOST_BYTES - sum(array.nbytes for array in arrays.values())
                    arrays[name] = _rows(file, count, name, path, room)
            return arrays
    except UserError:
        raise
    except Exception as error:  # zipfile and numpy each raise their own
        raise UserError(
            f"{str(path)!r} holds no arrays that can be read ({first_line(error).rstrip('.')}); write it with "
            f"numpy.{'save' if path.suffix == '.npy' else 'savez'}."
        ) from error


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """The shape, whether columns come first, and the type of an array; `file` is then at its values.

    The length of a header is the file's own word, and numpy would read that much.
    """
    start = io.BytesIO(file.read(MOST_HEADER))
    version = np.lib.format.read_magic(start)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    header = read(start)
    file.seek(start.tell())
    return header


def _rows(file: IO[bytes], count: int, name: str, path: Path, room: int) -> np.ndarray:
    """The first rows of an array: a small file may unpack to far more than there is memory."""
    shape, by_columns, dtype = _header(file)
    if not shape or dtype.kind not in "fiub":
        raise UserError(f"array {name!r} of {str(path)!r} is no array of numbers, one row a sample; write it anew.")
    if min(shape) < 1:
        raise UserError(f"array {name!r} of {str(path)!r} has shape {shape}, which holds no sample; write it anew.")
    if not by_columns:
        shape = (min(shape[0], count), *shape[1:])
    size = math.prod(shape) * dtype.itemsize
    if size > room:
        raise UserError(
            f"{shape[0]} rows of array {name!r} in {str(path)!r} take {size:,} bytes, of which at most "
            f"{MOST_BYTES:,} are read of all arrays together; give fewer samples."
        )
    content = file.read(size)
    if len(content) < size:
        ends = f"ends after {len(content):,} of {size:,} bytes"
        raise UserError(f"array {name!r} of {str(path)!r} {ends}; write it anew.")
    values = np.frombuffer(content, dtype)
    return values.reshape(shape[::-1]).T[:count] if by_columns else values.reshape(shape)
