"""Imports the user's own layers and quantizers, so that Keras finds them by name."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from larq_el.errors import UserError, first_line


def import_custom_objects(modules: Sequence[str]) -> set[str]:
    """Imports modules, and makes the classes and functions that they define known to Keras.

    # Arguments
        modules: names of modules, or paths of Python files. They are run.

    # Returns
        The names of the modules.

    # Raises
        ValueError: where there is no such module or file, or it cannot be imported.
    """
    if not modules:
        return set()
    # Larq needs Keras 2, and the modules use tf.keras
    from larq_el._keras import keras

    imported = [_import(name) for name in modules]
    for module in imported:
        for name, thing in vars(module).items():
            own = getattr(thing, "__module__", None) == module.__name__
            if own and (inspect.isclass(thing) or inspect.isfunction(thing)):
                keras.utils.get_custom_objects().setdefault(name, thing)
    return {module.__name__ for module in imported}


def _import(name: str) -> ModuleType:
    path = Path(name)
    is_file = path.suffix == ".py"
    if is_file and not path.is_file():
        raise UserError(f"there is no file {name!r} to import; correct --import.")
    try:
        if not is_file:
            return importlib.import_module(name)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None  # of a name that ends in .py there always is one
        assert spec.loader is not None
        module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's own code raises
        raise UserError(
            f"{name!r} cannot be imported: {type(error).__name__}: {first_line(error)}; give the path of a Python "
            "file, or the name of a module that this Python finds."
        ) from error
    return module
