"""Which class of a Keras file is not there: where one is missing, Keras may fail much later, and name another thing."""

import importlib
import json
import re
import zipfile
from pathlib import Path
from typing import Any

from larq_el._keras import keras

_UNKNOWN = re.compile(r"Unknown [\w ]+?:? '([^'{]+)'")
"""Keras's words where a file of the older format, or a name without a module, is meant."""
_FUNCTIONS = ("activations", "initializers", "regularizers", "constraints", "losses", "metrics")
"""Modules of Keras in which it looks for a function."""


def missing_class(path: Path, error: BaseException) -> str | None:
    """The name of a class or function that a file needs, and that nobody has registered; None where all are there.

    # Arguments
        path: of an `.h5` or `.keras` file that `check_keras_file` has passed.
        error: what Keras raised.
    """
    missing: list[str | None] = []

    def note(part: dict[str, Any]) -> dict[str, Any]:
        missing.append(_missing(part))
        return part

    json.loads(_description(path), object_hook=note)
    unknown = _UNKNOWN.search(str(error))
    return next(filter(None, missing), unknown[1] if unknown else None)


def _description(path: Path) -> str | bytes:
    """The JSON of the model."""
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            return archive.read("config.json")
    import h5py

    with h5py.File(path) as file:
        return file.attrs.get("model_config", "{}")


def _missing(part: dict[str, Any]) -> str | None:
    """The name of what a part of the description stands for, where that is not there."""
    if not {"class_name", "config", "module"} <= part.keys() or str(part["class_name"]).startswith("__"):
        return None  # no object, one of the older format, or a value of its own
    is_function = part["class_name"] == "function"
    name = str(part["config"] if is_function else part["class_name"])
    registered = str(part.get("registered_name") or name)
    if {name, registered} & keras.utils.get_custom_objects().keys() or _is_in(part["module"], name):
        return None
    if is_function and any(hasattr(getattr(keras, home), name) for home in _FUNCTIONS):
        return None
    return registered if registered.endswith(f">{name}") else name


def _is_in(module: Any, name: str) -> bool:
    """Whether a module defines a name; it is one that Keras has tried to import."""
    module = str(module)
    try:
        return hasattr(importlib.import_module(f"tf_{module}" if module.startswith("keras") else module), name)
    except (ImportError, ValueError):  # ValueError: an empty name
        return False
