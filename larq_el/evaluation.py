"""Accuracy of a model, Keras or flatbuffer, by the same images."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from larq_el.data.dataset import image_size_of
from larq_el.data.load import load_dataset
from larq_el.errors import UserError


@dataclass(frozen=True)
class Predictor:
    """Something that classifies images.

    # Attributes
        predict: from images (N, H, W, 3) to scores (N, classes).
        image_size: (H, W) in pixels.
        classes: number of classes.
    """

    predict: Callable[[np.ndarray], np.ndarray]
    image_size: tuple[int, int]
    classes: int


def keras_predictor(model: Any) -> Predictor:
    """Of a `tf.keras.Model`."""
    return Predictor(model.predict_on_batch, image_size_of(model), model.output_shape[-1])


def flatbuffer_predictor(
    path: str | os.PathLike[str], *, num_threads: int = 1, runtime: Literal["lce", "native"] = "lce"
) -> Predictor:
    """Of a `.tflite` file, by LCE's interpreter with its fast kernel, or by the native runtime.

    # Raises
        ValueError: where the file is not a TFLite model that the runtime can run.
    """
    from larq_el.tflite.flatbuffer import Flatbuffer

    flatbuffer = Flatbuffer(path)
    content = flatbuffer.content
    from larq_el.tflite.probe import check_runs

    check_runs(content, repr(os.fspath(path)), runtime="native" if runtime == "native" else "lce-indirect")
    if runtime == "native":
        from larq_el.runtime import Interpreter

        native = Interpreter(content, num_threads=num_threads)
        return Predictor(native.predict, image_size_of(native.input_shape), native.output_shape[-1])
    from larq_el.tflite.lce import interpreter, predict

    loaded = interpreter(content, num_threads=num_threads, indirect=True, xnnpack=True)
    size = image_size_of(tuple(loaded.input_shapes[0]))

    def reals(images: np.ndarray) -> np.ndarray:
        (scores, *_) = predict(loaded, [flatbuffer.stored(flatbuffer.inputs[0], images)])
        return flatbuffer.real(flatbuffer.outputs[0], scores)

    return Predictor(reals, size, loaded.output_shapes[0][-1])


def evaluate(predictor: Predictor, dataset: str, data_dir: str | None, limit: int | None = None) -> tuple[float, int]:
    """Top-1 accuracy on the test images of a data set.

    # Arguments
        predictor: see `keras_predictor` and `flatbuffer_predictor`.
        dataset, data_dir: see `load_dataset`.
        limit: number of images; None for all.

    # Returns
        Accuracy from 0 to 1, and the number of images.

    # Raises
        ValueError: where the data set has another number of classes.
    """
    data = load_dataset(dataset, data_dir)
    if predictor.classes != len(data.class_names):
        raise UserError(f"the model has {predictor.classes} classes and {dataset!r} has {len(data.class_names)}.")
    return top1(predictor.predict, data.test_batches(image_size=predictor.image_size, limit=limit))


def top1(predict: Callable[[np.ndarray], np.ndarray], batches: Any) -> tuple[float, int]:
    """Top-1 accuracy.

    # Arguments
        predict: from images (N, H, W, 3) to scores (N, classes).
        batches: `tf.data.Dataset` of (images, labels), see `ImageDataset.test_batches`.

    # Returns
        Accuracy from 0 to 1, and the number of images.

    >>> import tensorflow as tf
    >>> batches = tf.data.Dataset.from_tensors(([[0.0], [1.0]], [0, 0]))
    >>> top1(lambda x: np.concatenate([1 - x, x], axis=1), batches)
    (0.5, 2)
    """
    correct = total = 0
    for images, labels in batches.as_numpy_iterator():
        correct += int((np.argmax(predict(images), axis=-1) == labels).sum())
        total += len(labels)
    return correct / total, total
