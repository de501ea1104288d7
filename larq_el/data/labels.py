"""Classes of a data set."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from larq_el._keras import Tensor, tf
from larq_el.data.reading import NO_CLASS
from larq_el.errors import UserError

MOST = 10_000
"""Classes of labels that are counted from the data; more are measurements, and no classes."""


@dataclass(frozen=True)
class Labels:
    """The classes of a data set.

    # Attributes
        names: of the classes, in their order.
        number: from a label as the set holds it to the number of its class, int64; TensorFlow raises where there is
            none, see `reading_errors`.
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
            tf.constant(found if is_text else [int(value) for value in found], tf.string if is_text else tf.int64),
            tf.range(len(found), dtype=tf.int64),
        ),
        default_value=-1,
    )
    names = tuple(value.decode(errors="backslashreplace") if is_text else str(value) for value in found)
    return Labels(names, lambda label: table.lookup(label if is_text else tf.cast(label, tf.int64)))


def _checked(label: Tensor, classes: int) -> Tensor:
    is_class = (label >= 0) & (label < classes)
    with tf.control_dependencies([tf.debugging.Assert(is_class, [f"{NO_CLASS}, of {classes}", label])]):
        return tf.identity(label)
