"""Copies of a Keras file what inference needs and nothing else, once it is found to be safe; Keras reads the copy.

So there is no second reading that could see another description, another array or another file than the one that was
looked at.
"""

import io
import json
import re
import zipfile
from collections.abc import Collection
from math import prod
from pathlib import Path
from typing import Any

from larq_el.errors import UserError, first_line
from larq_el.models.safety.nodes import faulty_call
from larq_el.models.safety.policy import Policy, dictionaries

MOST_RATIO = 50
"""A file may unpack to this many times its size; weights that are numbers hardly shrink at all."""
MOST_ALWAYS = 64 << 20
"""Bytes that any file may unpack to."""
MOST_CONFIG = 16 << 20
"""Bytes of a model's description."""
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
"""Parts of a .keras file."""
_VOCABULARY = re.compile(r"assets(/[\w.-]+)*/vocabulary\.txt")
"""The one kind of file that Keras's layers keep beside their weights."""
H5_CONFIG, H5_WEIGHTS, H5_VERSIONS = "model_config", "model_weights", ("keras_version", "backend")
"""Parts of an .h5 file."""


def checked_copy(path: Path, folder: Path, imported: Collection[str] = ()) -> Path:
    """Writes what inference needs of a file into a folder, having refused one that is damaged or not safe to open.

    What only training needs (losses, metrics, optimizers, schedules) is left behind unread.

    # Arguments
        path: of an `.h5` or `.keras` file.
        folder: where the copy goes.
        imported: names of modules that the user trusts.

    # Returns
        The path of the copy, a file of the same kind.

    # Raises
        ValueError: where the file is damaged, unpacks to far more than its size, keeps its data elsewhere, or names
            anything but layers and the like of Keras, Larq, larq_el and the imported modules.
    """
    copy = _copy_zip if path.suffix == ".keras" else _copy_hdf5
    return _guarded(path, lambda name: copy(path, folder / f"model{path.suffix}", imported, name))


def check_weights_file(path: Path) -> None:
    """Refuses a file of weights that would fill the memory or keeps them elsewhere; its description is not read.

    # Arguments
        path: of an `.h5` or `.keras` file.

    # Raises
        ValueError: where it is damaged, unpacks to far more than its size, or keeps its data in another file.
    """

    def check(name: str) -> None:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                _check_entries(archive, path, name, (WEIGHTS,))
                weights = archive.read(WEIGHTS)
            _check_arrays(io.BytesIO(weights), len(weights), name)
        else:
            with path.open("rb") as file:
                _check_arrays(file, path.stat().st_size, name)

    _guarded(path, check)


def _guarded(path: Path, action: Any) -> Any:
    name = repr(str(path))
    try:
        return action(name)
    except UserError:
        raise
    except Exception as error:  # h5py, zipfile and json each raise their own, on damage whatever comes first
        raise UserError(f"{name} is damaged: {first_line(error).rstrip('.')}; save the model again.") from error


def _copy_zip(path: Path, target: Path, imported: Collection[str], name: str) -> Path:
    with zipfile.ZipFile(path) as archive:
        _check_entries(archive, path, name, (CONFIG, WEIGHTS))
        if archive.getinfo(CONFIG).file_size > MOST_CONFIG:
            raise UserError(f"{name} is damaged: its {CONFIG} has more than {MOST_CONFIG} bytes.")
        weights = archive.read(WEIGHTS)
        largest = _check_arrays(io.BytesIO(weights), len(weights), name)
        config = _checked_config(archive.read(CONFIG), Policy(name, imported, largest))
        parts = {METADATA: b"{}", CONFIG: config, WEIGHTS: weights}
        parts |= {part: archive.read(part) for part in archive.namelist() if _VOCABULARY.fullmatch(part)}
    with zipfile.ZipFile(target, "w") as copy:
        for part, content in parts.items():
            copy.writestr(part, content)
    return target


def _check_entries(archive: zipfile.ZipFile, path: Path, name: str, needed: tuple[str, ...]) -> None:
    entries = archive.infolist()
    _check_unpacked(sum(entry.file_size for entry in entries), path.stat().st_size, name)
    names = {entry.filename for entry in entries}
    if missing := [part for part in needed if part not in names]:
        raise UserError(f"{name} is damaged: it lacks {' and '.join(missing)}; save the model again.")
    outside = next((part for part in sorted(names) if part.startswith("/") or ".." in Path(part).parts), None)
    if outside:
        raise UserError(f"{name} is not safe to open: it holds a file for another folder, {outside!r}.")


def _copy_hdf5(path: Path, target: Path, imported: Collection[str], name: str) -> Path:
    import h5py

    with path.open("rb") as file:
        largest = _check_arrays(file, path.stat().st_size, name)
    with h5py.File(path, "r") as content:
        config = content.attrs.get(H5_CONFIG)
        if config is None:
            raise UserError(
                f"{name} holds no Keras model that can be read: it has weights alone; they go with --weights and the "
                "model's name."
            )
        if not isinstance(content.get(H5_WEIGHTS), h5py.Group):
            raise UserError(f"{name} is damaged: it lacks {H5_WEIGHTS}; save the model again.")
        checked = _checked_config(config, Policy(name, imported, largest), by_name=True)
        with h5py.File(target, "w") as copy:
            content.copy(H5_WEIGHTS, copy)
            copy.attrs[H5_CONFIG] = checked
            for key in H5_VERSIONS:
                if isinstance(value := content.attrs.get(key), str):
                    copy.attrs[key] = value
    return target


def _check_arrays(file: Any, size: int, name: str) -> int:
    """The size of the largest dimension of any array."""
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

    def leads_away(link: str, kind: Any) -> str | None:
        return None if isinstance(kind, h5py.HardLink) else link

    with h5py.File(file, "r") as content:
        # Keras writes no such links: one may lead to another file, or around in a circle
        if (link := content.visititems_links(leads_away)) is not None:
            raise UserError(f"{name} is not safe to open: {link!r} is kept in another file or place.")
        content.visititems(add)
    _check_unpacked(unpacked[0], size, name)
    return max(sizes)


def _check_unpacked(unpacked: int, size: int, name: str) -> None:
    if unpacked > max(MOST_ALWAYS, MOST_RATIO * size):
        raise UserError(
            f"{name} is not safe to open: its {size:,} bytes unpack to {unpacked:,}; save the model uncompressed if "
            "that is what it needs."
        )


def _checked_config(text: str | bytes, policy: Policy, by_name: bool = False) -> bytes:
    config = json.loads(text)
    if not isinstance(config, dict) or "class_name" not in config:
        raise UserError(f"{policy.name} is damaged: it describes no model; save the model again.")
    for part in dictionaries(config):
        if "class_name" in part:
            part.pop("compile_config", None)
    policy.check(config)
    for part in dictionaries(config):
        if "input_layers" in part and "layers" in part and (faulty := faulty_call(part)) is not None:
            raise UserError(
                f"{policy.name} is damaged: the inputs of layer {faulty!r} come from nowhere; save the model again."
            )
    if by_name:
        # Keras writes functions into .h5 files in a way that it can not read from them
        for part in dictionaries(config):
            functions = {key: value for key, value in part.items() if _is_function(value)}
            part.update({key: value["config"] for key, value in functions.items()})
    return json.dumps(config).encode()


def _is_function(value: Any) -> bool:
    return isinstance(value, dict) and value.get("class_name") == "function"
