"""Accuracy of a model, Keras or flatbuffer, by the same images."""

from collections.abc import Callable
from typing import Any

import numpy as np


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
