"""Reads a Keras model from what a user names: a model of the zoo, an `.h5` or `.keras` file, or a SavedModel."""

import os
import zipfile
from pathlib import Path
from typing import Any

from larq_el.errors import UserError, first_line

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def check_source(source: str) -> Path | None:
    """The path that a source names, or None where it can only be the name of a model; loads no TensorFlow.

    # Arguments
        source: a path or a name.

    # Raises
        ValueError: where it is a path and there is no such file, or it is not of the kind that its name says.
    """
    path = Path(source)
    if path.is_dir():
        if not (path / "saved_model.pb").is_file():
            raise UserError(f"folder {source!r} is not a SavedModel: it holds no saved_model.pb.")
        return path
    if path.is_file():
        _check_file(path)
        return path
    if path.suffix or os.sep in source:
        raise UserError(f"there is no file {source!r}.")
    return None


def _check_file(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(8)
    kind = {".h5": "HDF5", ".hdf5": "HDF5", ".keras": "Keras"}.get(path.suffix)
    if kind is None:
        raise UserError(f"{str(path)!r} is not a model: its name must end in .h5, .hdf5 or .keras, or be a SavedModel.")
    if (start != HDF5_SIGNATURE) if kind == "HDF5" else not zipfile.is_zipfile(path):
        raise UserError(f"{str(path)!r} is not {'an' if kind == 'HDF5' else 'a'} {kind} file, whatever its name says.")


def load_model(source: str | os.PathLike[str], *, weights: str | os.PathLike[str] | None = None, **options: Any) -> Any:
    """Reads a Keras model.

    # Arguments
        source: a name of `larq_el.zoo.list_models()`, an `.h5` or `.keras` file, or the folder of a SavedModel.
        weights: a weights file to load into the model.
        options: of `larq_el.zoo.create_model`, for a name: `input_shape`, `classes`, `width`, ...

    # Returns
        A `tf.keras.Model`, not compiled.

    # Raises
        ValueError: where there is no such model or file, the file cannot be read, or options are given for a file.

    >>> load_model("el_resnet26", input_shape=(32, 32, 3), width=0.25).name
    'el_resnet26'
    """
    path = check_source(os.fspath(source))
    from larq_el import zoo
    from larq_el.zoo.weights import load_weights

    if path is None:
        return zoo.create_model(os.fspath(source), weights=None if weights is None else os.fspath(weights), **options)
    if options:
        raise UserError(f"{sorted(options)[0]} is for models that are built by name; {str(path)!r} holds a model.")
    model = _load(path)
    if weights is not None:
        load_weights(model, weights)
    return model


def _load(path: Path) -> Any:
    # the layers register themselves where they are imported
    import larq_el.layers  # noqa: F401
    from larq_el._keras import keras

    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras, h5py, zipfile and TensorFlow each raise their own
        reason = first_line(error).rstrip(".")
        hint = "; a file of weights alone goes with --weights and the model's name" if path.suffix != ".keras" else ""
        raise UserError(f"{str(path)!r} holds no Keras model that can be read: {reason}{hint}.") from error
    if not isinstance(model, keras.Model):
        raise UserError(f"{str(path)!r} is a SavedModel without its Keras model; save it with model.save(folder).")
    return model
