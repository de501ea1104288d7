"""A Keras model as the bytes of a file."""

import tempfile
from pathlib import Path

from larq_el._keras import Model


def as_bytes(model: Model, suffix: str = ".keras") -> bytes:
    """What Keras would write into a file of its own.

    Not into the file that is wanted: HDF5 locks what it writes to, and whoever writes must not leave half a file.

    # Arguments
        model: a `tf.keras.Model`.
        suffix: ".keras" or ".h5".
    """
    with tempfile.TemporaryDirectory(prefix="larq_el-") as folder:
        path = Path(folder) / f"model{suffix}"
        model.save(path)
        return path.read_bytes()
