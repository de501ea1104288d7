"""Classes of a data set, and labels that name none of them."""

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from larq_el._keras import Tensor, tf
from larq_el.errors import UserError

MARK = "a label that names no class"
"""How TensorFlow's own error is told from others."""
MOST = 10_000
"""Classes of labels that are counted from the data; more are measurements, and no classes."""


@dataclass(frozen=True)
class Labels:
    """The classes of a data set.

    # Attributes
        names: of the classes, in their order.
        number: from a label as the set holds it to the number of its class, int64; TensorFlow raises where there is
            none, see `label_errors`.
    """

    names: tuple[str, ...]
    number: Callable[[Tensor], Tensor]


def labels_of(feature: Any, name: str, examples: Any) -> Labels:
    """The classes of a set of TensorFlow Datasets: its own names, or where it has none what its labels are.

    # Arguments
        feature: of its labels.
        name: of the set.
        examples: `tf.data.Dataset` of (image, label), which is looked through where the set names no classes.

    # Raises
        ValueError: where an image has several labels, or they are no classes.
    """
    import tensorflow_datasets as tfds

    if isinstance(feature, tfds.features.ClassLabel):
        return Labels(tuple(feature.names), lambda label: _checked(tf.cast(label, tf.int64), feature.num_classes))
    shape = getattr(feature, "shape", None)
    if isinstance(feature, tfds.features.Sequence) or shape != ():
        raise UserError(
            f"the images of data set {name!r} have several labels each, of shape {shape}; choose a set of one label an "
            "image."
        )
    dtype = tf.as_dtype(feature.dtype)
    is_text = dtype == tf.string
    if not (is_text or dtype.is_integer or dtype.is_bool):
        raise UserError(f"the labels of data set {name!r} are {dtype.name}, which are no classes; choose another set.")
    found = sorted(set(examples.map(lambda _, label: label).as_numpy_iterator()))
    if not found or len(found) > MOST:
        raise UserError(f"the labels of data set {name!r} have {len(found):,} values; at most {MOST:,} are classes.")
    if not is_text and found[0] < 0:
        raise UserError(
            f"data set {name!r} has the label {found[0]}, which stands for images without one; name splits with labels."
        )
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            tf.constant(found, tf.string if is_text else tf.int64), tf.range(len(found), dtype=tf.int64)
        ),
        default_value=-1,
    )
    names = tuple(value.decode() if isinstance(value, bytes) else str(value) for value in found)
    return Labels(names, lambda label: table.lookup(label if is_text else tf.cast(label, tf.int64)))


def _checked(label: Tensor, classes: int) -> Tensor:
    is_class = (label >= 0) & (label < classes)
    with tf.control_dependencies([tf.debugging.Assert(is_class, [f"{MARK}, of {classes}", label])]):
        return tf.identity(label)


@contextlib.contextmanager
def label_errors(name: str) -> Iterator[None]:
    """Says in a sentence that a label names no class, which shows when its image is read.

    # Arguments
        name: of the data set.
    """
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        found = re.search(rf"{MARK}, of (\d+)\W+?(-?\d+)", str(error))
        if found is None:
            raise
        mark = ", the mark of an image without one" if found[2] == "-1" else ""
        raise UserError(
            f"data set {name!r} has {MARK}, {found[2]}{mark}; there are the classes 0 to {int(found[1]) - 1}: name "
            "splits with labels (--split, --test-split)."
        ) from error
