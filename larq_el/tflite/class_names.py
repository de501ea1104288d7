"""The names of a classifier's classes: a note in a flatbuffer's metadata, or a file with one a line beside a model."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from larq_el.errors import UserError, first_line
from larq_el.tflite.editor import Editor
from larq_el.tflite.flatbuffer import Flatbuffer

ENTRY, FILE = "larq_el.class_names", "labels.txt"
MOST_BYTES = 1 << 22
"""Of a file of names."""


def with_class_names(flatbuffer: Flatbuffer, names: Sequence[str]) -> Flatbuffer:
    """A flatbuffer that knows the names of its classes; runtimes pass over them.

    # Arguments
        flatbuffer: a classifier.
        names: in the order of its scores.

    # Raises
        ValueError: where there are more or fewer names than scores.
    """
    check_count(names, flatbuffer.tensors[flatbuffer.outputs[0]].shape[-1])
    editor = Editor(flatbuffer)
    editor.note(ENTRY, json.dumps(list(names)).encode())
    return editor.finish()


def class_names_of(flatbuffer: Flatbuffer) -> list[str] | None:
    """The names of a flatbuffer's classes, None where it does not know them or what it holds are none."""
    try:
        names = json.loads(flatbuffer.metadata.get(ENTRY, b""))
    except (ValueError, RecursionError):
        return None
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None


def read_class_names(path: str | os.PathLike[str]) -> list[str]:
    """The names in a file, one a line.

    # Arguments
        path: of the file.

    # Raises
        ValueError: where it cannot be read, or holds no names.
    """
    try:
        with open(path, "rb") as file:
            text = file.read(MOST_BYTES + 1).decode()
        if len(text) > MOST_BYTES:
            raise ValueError(f"it is larger than {MOST_BYTES:,} bytes")
    except (OSError, ValueError) as error:
        raise UserError(
            f"the names of classes in {os.fspath(path)!r} cannot be read ({first_line(error)}); give a text file with "
            "one name a line."
        ) from error
    names = text.splitlines()
    if not names:
        raise UserError(f"{os.fspath(path)!r} holds no names of classes; write one a line.")
    return names


def beside(model: str | os.PathLike[str]) -> list[str] | None:
    """The names in labels.txt beside a model's file, as a training leaves it, or in the folder above; None without."""
    folder = Path(model).absolute().parent
    for place in (folder, folder.parent):
        if (place / FILE).is_file():
            return read_class_names(place / FILE)
    return None


def check_count(names: Sequence[str], classes: int) -> None:
    """Refuses names of other classes.

    # Raises
        ValueError: where there are more or fewer names than classes.
    """
    if len(names) != classes:
        raise UserError(f"there are {len(names)} names of classes, and the model has {classes}; give one for each.")
