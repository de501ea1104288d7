"""Accuracy of a model, Keras or flatbuffer, by the same images."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from larq_el.data.image_size import image_size_of
from larq_el.data.samples import check_labels, is_file, load_samples
from larq_el.errors import UserError
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.runners import fitting, installed, started

BATCH = 100
"""Images that are computed at a time."""


@dataclass(frozen=True)
class Predictor:
    """Something that classifies images.

    # Attributes
        predict: from images (N, H, W, 3) to scores (N, classes).
        image_shape: of the input, the batch first.
        classes: number of classes.
        runtime: what computes, a name of `larq_el.tflite.runners.RUNNERS` or "keras".
    """

    predict: Callable[[np.ndarray], np.ndarray]
    image_shape: tuple[int | None, ...]
    classes: int
    runtime: str = "keras"


def keras_predictor(model: Any) -> Predictor:
    """Of a `tf.keras.Model`."""
    return Predictor(model.predict_on_batch, model.input_shape, model.output_shape[-1])


def flatbuffer_predictor(
    path: str | os.PathLike[str], *, num_threads: int = 1, runtime: str | None = None
) -> Predictor:
    """Of a `.tflite` file; of several outputs the first.

    # Arguments
        path: of the file.
        num_threads: of the runtime.
        runtime: a name of `larq_el.tflite.runners.RUNNERS`; None for the fastest of LCE's that is installed, or else
            the native one; for a file without LCE's operators the stock one.

    # Raises
        ValueError: where the file is not a TFLite model, or the runtime cannot run it.
    """
    flatbuffer = Flatbuffer(path)
    name = runtime or _preferred(installed(fitting(flatbuffer)))
    predict = started(flatbuffer, name, num_threads).predict
    tensor = flatbuffer.tensors[flatbuffer.inputs[0]]
    batch = tensor.shape[0] if tensor.shape else 1

    def reals(images: np.ndarray) -> np.ndarray:
        stored = flatbuffer.stored(tensor.index, images)
        whole = -len(stored) % batch
        filled = np.concatenate([stored, np.zeros((whole, *stored.shape[1:]), stored.dtype)])
        parts = [predict([filled[at : at + batch]])[0] for at in range(0, len(filled), batch)]
        return flatbuffer.real(flatbuffer.outputs[0], np.concatenate(parts)[: len(images)])

    classes = flatbuffer.tensors[flatbuffer.outputs[0]].shape[-1]
    return Predictor(reals, tensor.shape, classes, name)


def _preferred(names: list[str]) -> str:
    return "lce-indirect" if "lce-indirect" in names else names[0]


def evaluate(
    predictor: Predictor,
    source: str,
    data_dir: str | None = None,
    count: int | None = None,
    *,
    split: str | None = None,
    on_batch: Callable[[int], None] | None = None,
) -> tuple[float, int]:
    """Top-1 accuracy on the test images of a data set, or on a file of samples.

    # Arguments
        predictor: see `keras_predictor` and `flatbuffer_predictor`.
        source, data_dir, count: see `larq_el.data.samples.load_samples`; a file must have `labels`.
        split: the images of a data set, as TFDS writes it: "train[90%:]"; None for its test images.
        on_batch: is called with the number of images so far.

    # Returns
        Accuracy from 0 to 1, and the number of images.

    # Raises
        ValueError: where the data set has another number of classes, or a label is none of the model's.
    """
    if is_file(source):
        if split is not None:
            raise UserError(f"a file of samples has no splits, got {split!r}; leave out --split.")
        (images,), labels = load_samples(source, ["image"], count)
        if labels is None:
            raise UserError(
                f"{source!r} has no array 'labels' to tell right from wrong; add the classes under that name."
            )
        if labels.shape != (len(images),):
            raise UserError(
                f"labels must have shape ({len(images)},), one class for each sample, got {labels.shape}; give the "
                "number of each sample's class."
            )
        check_labels(labels, predictor.classes)
        return top1(predictor.predict, _batches(images, labels), on_batch)
    from larq_el.data.load import load_dataset
    from larq_el.data.reading import reading_errors

    data = load_dataset(source, data_dir, test_split=split)
    if predictor.classes != len(data.class_names):
        raise UserError(f"the model has {predictor.classes} classes and {source!r} has {len(data.class_names)}.")
    batches = data.test_batches(image_size=image_size_of(predictor.image_shape), limit=count)
    with reading_errors(source):
        return top1(predictor.predict, batches.as_numpy_iterator(), on_batch)


def _batches(images: np.ndarray, labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for at in range(0, len(images), BATCH):
        yield images[at : at + BATCH], labels[at : at + BATCH]


def top1(
    predict: Callable[[np.ndarray], np.ndarray],
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
    on_batch: Callable[[int], None] | None = None,
) -> tuple[float, int]:
    """Top-1 accuracy.

    # Arguments
        predict: from images (N, H, W, 3) to scores (N, classes).
        batches: of (images, labels).
        on_batch: is called with the number of images so far.

    # Returns
        Accuracy from 0 to 1, and the number of images.

    >>> batches = [(np.array([[0.0], [1.0]]), np.array([0, 0]))]
    >>> top1(lambda x: np.concatenate([1 - x, x], axis=1), batches)
    (0.5, 2)
    """
    correct = total = 0
    for images, labels in batches:
        correct += int((np.argmax(predict(images), axis=-1) == labels).sum())
        total += len(labels)
        if on_batch is not None:
            on_batch(total)
    return correct / total, total
