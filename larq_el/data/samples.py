"""Samples to compare models on: from a data set, or from a file of arrays."""

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from larq_el.errors import UserError, first_line

LABELS = "labels"
"""The array of a file that holds the classes."""
MOST_BYTES = 8 << 30


def load_samples(
    source: str | os.PathLike[str], model: Any, count: int, *, data_dir: str | None = None
) -> tuple[list[np.ndarray], np.ndarray | None]:
    """Samples for a model's inputs.

    # Arguments
        source: a data set (see `larq_el.training.load_dataset`), of which the first test images are taken; or an `.npz`
            file with an array for each input, named after it (of a single input the name is free), preprocessed as the
            model expects, and with the classes as `labels` if they are known.
        model: a `tf.keras.Model`.
        count: of samples, at most.
        data_dir: where TensorFlow Datasets keeps its data.

    # Returns
        An array for each of the model's inputs in its order, and the classes or None.

    # Raises
        ValueError: where the file cannot be read or lacks an input, or the data set is of another kind than the model.
    """
    if count < 1:
        raise UserError(f"the number of samples must be at least 1, got {count}.")
    if Path(source).suffix != ".npz":
        from larq_el.data.image_size import image_size_of
        from larq_el.data.load import load_dataset

        images, labels = load_dataset(os.fspath(source), data_dir).samples(count, image_size_of(model))
        return [images], labels
    arrays = _read(Path(source))
    classes = arrays.pop(LABELS) if LABELS in arrays else None
    names = list(model.input_names)
    if len(names) == len(arrays) == 1:
        names = list(arrays)
    if missing := [name for name in names if name not in arrays]:
        raise UserError(
            f"{str(source)!r} lacks an array for input {missing[0]!r}, it has "
            f"{', '.join(map(repr, arrays)) or 'none'}; name each array after the model's input."
        )
    return [arrays[name][:count] for name in names], None if classes is None else classes[:count]


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise UserError(f"there is no file {str(path)!r}.")
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MOST_BYTES:
            raise UserError(f"{str(path)!r} unpacks to {size:,} bytes; give at most {MOST_BYTES:,}.")
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: np.asarray(content[name]) for name in content.files}
    except UserError:
        raise
    except Exception as error:  # zipfile and numpy each raise their own
        raise UserError(
            f"{str(path)!r} holds no arrays that can be read ({first_line(error).rstrip('.')}); write it with "
            "numpy.savez."
        ) from error
    if wrong := [name for name, values in arrays.items() if values.ndim == 0 or values.dtype.kind not in "fiub"]:
        raise UserError(f"array {wrong[0]!r} of {str(path)!r} is no array of numbers, one row a sample; write it anew.")
    return arrays
