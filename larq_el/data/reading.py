"""What goes wrong where images and labels are read, which shows in the middle of a training."""

import contextlib
import re
from collections.abc import Iterator

from larq_el._keras import tf
from larq_el.errors import UserError, first_line

NO_CLASS = "a label that names no class"
"""How TensorFlow's own error is told from others."""
NO_IMAGE = "an image file that cannot be read"
"""Likewise; behind it stand the file and the reason, each in angle quotes."""


@contextlib.contextmanager
def reading_errors(name: str) -> Iterator[None]:
    """Says in a sentence that a label names no class, an image is broken, or a file of the data set is damaged.

    # Arguments
        name: of the data set.
    """
    try:
        yield
    except tf.errors.OpError as error:
        sentence = _image(str(error)) or _label(name, str(error)) or _file(name, error)
        if sentence is None:
            raise
        raise UserError(sentence) from error


def _image(message: str) -> str | None:
    found = re.search(rf"{NO_IMAGE} «(.*?)» «(.*?)»", message, re.DOTALL)
    return found and f"image {found[1]!r} cannot be read ({found[2]}); repair it, or take it out of the folder."


def _label(name: str, message: str) -> str | None:
    found = re.search(rf"{NO_CLASS}, of (\d+)\W+?(-?\d+)", message)
    if found is None:
        return None
    mark = ", the mark of an image without one" if found[2] == "-1" else ""
    return (
        f"data set {name!r} has {NO_CLASS}, {found[2]}{mark}; there are the classes 0 to {int(found[1]) - 1}: name "
        "splits with labels (--split, --test-split)."
    )


def _file(name: str, error: Exception) -> str | None:
    """TensorFlow's words where a record, or an image of one, is damaged or missing."""
    message = str(error)
    of_a_file = isinstance(error, tf.errors.DataLossError | tf.errors.NotFoundError | tf.errors.PermissionDeniedError)
    of_an_image = "DecodeImage" in message or "decode_image" in message or "Invalid PNG" in message
    if not ((of_a_file and "IteratorGetNext" in message) or of_an_image):
        return None
    return f"the files of data set {name!r} are damaged ({first_line(error)[:200]}); prepare it again, or copy it anew."
