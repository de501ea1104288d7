"""Looks into a Keras file before Keras reads it: what it would unpack to, and what code it would run."""

import builtins
import io
import json
import zipfile
from collections.abc import Collection, Iterator
from math import prod
from pathlib import Path
from typing import Any

from larq_el.errors import UserError, first_line

MOST_RATIO = 50
"""A file may unpack to this many times its size; weights that are numbers hardly shrink at all."""
MOST_ALWAYS = 64 << 20
"""Bytes that any file may unpack to."""
MOST_CONFIG = 16 << 20
"""Bytes of a model's description."""
CONFIG, WEIGHTS = "config.json", "model.weights.h5"
"""Parts of a .keras file."""
TRUSTED = frozenset({"keras", "tf_keras", "larq", "larq_el"})
"""Packages whose classes a file may name."""


def check_keras_file(path: Path, imported: Collection[str] = ()) -> None:
    """Refuses a file that would fill the memory, or run code that its user has not asked for.

    # Arguments
        path: of an `.h5` or `.keras` file.
        imported: names of modules that the user trusts.

    # Raises
        ValueError: where it is damaged, unpacks to far more than its size, or names classes of other modules.
    """
    name = repr(str(path))
    try:
        if path.suffix == ".keras":
            config, largest = _read_zip(path, name)
        else:
            with path.open("rb") as file:
                config, largest = _read_hdf5(file, path.stat().st_size, name)
        if config:
            _check_config(json.loads(config), largest, frozenset(imported), name)
    except UserError:
        raise
    except Exception as error:  # h5py, zipfile and json each raise their own, on damage whatever comes first
        raise UserError(f"{name} is damaged: {first_line(error).rstrip('.')}; save the model again.") from error


def _read_zip(path: Path, name: str) -> tuple[bytes, int]:
    """The description, and the largest size of a stored array."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        _check_unpacked(sum(entry.file_size for entry in entries), path.stat().st_size, name)
        names = {entry.filename for entry in entries}
        if missing := [part for part in (CONFIG, WEIGHTS) if part not in names]:
            raise UserError(f"{name} is damaged: it lacks {' and '.join(missing)}; save the model again.")
        outside = next((part for part in sorted(names) if part.startswith("/") or ".." in Path(part).parts), None)
        if outside:
            raise UserError(f"{name} is not safe to open: it holds a file for another folder, {outside!r}.")
        if archive.getinfo(CONFIG).file_size > MOST_CONFIG:
            raise UserError(f"{name} is damaged: its {CONFIG} has more than {MOST_CONFIG} bytes.")
        weights = archive.read(WEIGHTS)
        _, largest = _read_hdf5(io.BytesIO(weights), len(weights), name)
        return archive.read(CONFIG), largest


def _read_hdf5(file: Any, size: int, name: str) -> tuple[bytes, int]:
    """As `_read_zip`, of an HDF5 file."""
    import h5py

    sizes = [0]
    unpacked = [0]

    def add(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                raise UserError(f"{name} is not safe to open: {item.name!r} is kept in another file.")
            chunk = prod(item.chunks) if item.chunks else 0
            unpacked[0] += max(item.size or 0, chunk) * item.dtype.itemsize
            sizes.extend(item.shape or ())

    with h5py.File(file, "r") as content:
        content.visititems(add)
        _check_unpacked(unpacked[0], size, name)
        config = content.attrs.get("model_config", b"")
    return (config.encode() if isinstance(config, str) else config), max(sizes)


def _check_unpacked(unpacked: int, size: int, name: str) -> None:
    if unpacked > max(MOST_ALWAYS, MOST_RATIO * size):
        raise UserError(
            f"{name} is not safe to open: its {size:,} bytes unpack to {unpacked:,}; save the model uncompressed if "
            "that is what it needs."
        )


def _check_config(config: Any, largest: int, imported: frozenset[str], name: str) -> None:
    if not isinstance(config, dict) or "class_name" not in config:
        raise UserError(f"{name} is damaged: it describes no model; save the model again.")
    for part in _dictionaries(config):
        _check_code(part, imported, name)
        for key in ("units", "filters"):
            # an array of that size would be made before it is found that the file has no such array
            wanted = part.get(key)
            if isinstance(wanted, int) and wanted > max(largest, 1):
                raise UserError(
                    f"{name} is damaged: layer {part.get('name')!r} has {wanted} {key}, and the largest of its arrays "
                    f"{largest}; save the model again."
                )


def _check_code(part: dict[str, Any], imported: frozenset[str], name: str) -> None:
    """Keras imports the modules that a file names, and runs the bytes of a lambda."""
    if part.get("class_name") == "__lambda__" or part.get("function_type") == "lambda":
        raise UserError(
            f"{name} is not safe to open: it holds the code of a Lambda layer; write that as a layer class, and name "
            "its module with --import."
        )
    module = part.get("module")
    if not isinstance(module, str) or _is_registered(part.get("registered_name")):
        return
    if module == "builtins" and not hasattr(builtins, str(part.get("config"))) and part.get("class_name") == "function":
        return
    if module.split(".")[0] not in TRUSTED and module not in imported:
        thing = part.get("class_name")
        raise UserError(
            f"{name} needs {thing!r} of module {module!r}, which is neither of Keras nor of Larq; if you trust it, "
            "name the file or module that registers it with --import."
        )


def _is_registered(name: Any) -> bool:
    from larq_el._keras import keras

    return isinstance(name, str) and keras.saving.get_registered_object(name) is not None


def _dictionaries(value: Any) -> Iterator[dict[str, Any]]:
    """All dictionaries inside a JSON value; not by recursion, which a file could exhaust."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
