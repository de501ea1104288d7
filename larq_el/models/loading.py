"""Reads a Keras model from what a user names: a model of the zoo, an `.h5` or `.keras` file, or a SavedModel."""

import os
import tempfile
from collections.abc import Collection, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from larq_el.errors import UserError, first_line
from larq_el.models.causes import cause
from larq_el.models.custom_objects import import_custom_objects
from larq_el.models.safety.allowed import CLASSES
from larq_el.models.safety.checked_copy import check_weights_file, checked_copy
from larq_el.models.safety.variables import bounded_variables
from larq_el.models.source import check_file, check_source


def load_model(
    source: str | os.PathLike[str],
    *,
    weights: str | os.PathLike[str] | None = None,
    imports: Sequence[str] = (),
    **options: Any,
) -> Any:
    """Reads a Keras model, not to be trained on: losses, metrics and optimizers are left in the file.

    An `.h5` or `.keras` file of unknown origin runs nothing, as it may name layers and the like of Keras, Larq and
    `imports` alone. The TensorFlow graph of a SavedModel may read and write files whenever the model is called, so read
    those of people that you trust.

    # Arguments
        source: a name of `larq_el.zoo.list_models()`, an `.h5` or `.keras` file, or the folder of a SavedModel. Of a
            SavedModel without its Keras model the result has a single layer, which calls its serving signature.
        weights: a weights file to load into the model.
        imports: modules, or paths of Python files, that register custom layers and quantizers. They are run.
        options: of `larq_el.zoo.create_model`, for a name: `input_shape`, `classes`, `width`, ...

    # Returns
        A `tf.keras.Model`, not compiled.

    # Raises
        ValueError: where there is no such model or file, the file cannot be read or is not safe to open, it holds
            weights that are no numbers, or options are given for a file.

    >>> load_model("el_resnet26", input_shape=(32, 32, 3), width=0.25).name
    'el_resnet26'
    """
    path = check_source(os.fspath(source))
    imported = import_custom_objects(imports)
    if path is None:
        from larq_el import zoo

        # published ones are checked against the options
        published = None if weights is None or _is_there(os.fspath(weights)) else os.fspath(weights)
        model = zoo.create_model(os.fspath(source), weights=published, **options)
        weights = None if published else weights
    else:
        if options:
            raise UserError(f"{sorted(options)[0]} is for models that are built by name; {str(path)!r} holds a model.")
        model = _load(path, imported)
    if weights is not None:
        _load_weights(model, os.fspath(weights))
    from larq_el.models.weights_check import check_finite

    check_finite(model)
    return model


def _is_there(weights: str) -> bool:
    """Whether weights are a file; if not they can only be the name of published ones."""
    try:
        there = Path(weights).exists()
    except (OSError, ValueError):  # no file can have such a name
        there = False
    if not there and (Path(weights).suffix or os.sep in weights):
        raise UserError(f"weights must be the path of a weights file, and there is no file {weights!r}.")
    return there


def _load(path: Path, imported: Collection[str]) -> Any:
    import larq_el._keras  # noqa: F401 - where it is not installed, that is not the file's fault

    try:
        if path.is_dir():
            return _load_saved_model(path)
        with tempfile.TemporaryDirectory(prefix="larq_el-") as folder:
            copy = checked_copy(path, Path(folder), imported)
            with bounded_variables(copy, repr(str(path))):
                return _load_copy(copy)
    except UserError:
        raise
    except Exception as error:  # Keras, h5py, zipfile and TensorFlow each raise their own
        reason = cause(error)
        if path.is_dir():
            raise UserError(f"{str(path)!r} is a damaged SavedModel: {reason}; save the model again.") from error
        raise UserError(f"{str(path)!r} holds no Keras model that can be read: {reason}.") from error


def _load_saved_model(path: Path) -> Any:
    # the layers register themselves where they are imported
    import larq_el.layers  # noqa: F401
    from larq_el._keras import keras
    from larq_el.models.saved_model import from_saved_model

    model = keras.models.load_model(path, compile=False)
    return model if isinstance(model, keras.Model) else from_saved_model(path)


def _load_copy(path: Path) -> Any:
    from larq_el._keras import keras
    from larq_el.quantizers import REGISTERED

    # in an .h5 file Keras looks for a layer's quantizer, and layers of its own networks, by the bare name of a class
    known = {own.__name__: own for own in REGISTERED} | _layers_of_applications()
    with keras.utils.custom_object_scope(known):
        model = keras.models.load_model(path, compile=False)
    if not isinstance(model, keras.Model):
        raise TypeError(f"it holds a {type(model).__name__}")
    return model


def _layers_of_applications() -> dict[str, Any]:
    """Layers that networks of `tf.keras.applications` bring, and Keras does not find by itself."""
    found: dict[str, Any] = {}
    for module, names in CLASSES.items():
        if module.startswith("keras.src.applications."):
            code = import_module(f"tf_{module}")
            found |= {name: getattr(code, name) for name in names}
    return found


def _load_weights(model: Any, weights: str) -> None:
    from larq_el.zoo.weights.loading import load_weights

    path = Path(weights)
    if path.exists() and not path.is_file():
        raise UserError(f"{weights!r} is not a weights file; give the path of an .npz, .h5 or .keras file.")
    try:
        if path.is_file() and path.suffix != ".npz":
            check_file(path)
            check_weights_file(path)
        load_weights(model, weights)
    except UserError:
        raise
    except Exception as error:  # as in `_load`
        raise UserError(f"{weights!r} does not hold the weights of {model.name!r}: {first_line(error)}.") from error
