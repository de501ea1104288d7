"""A data set of images and labels, and how it is fed to a model."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from larq_el._keras import tf
from larq_el.data.augmentation import augment, central
from larq_el.data.labels import label_errors
from larq_el.data.preprocessing import preprocess_input

SHUFFLE_BUFFER = 50_000
"""Examples: all of CIFAR-10 and of other sets that are kept in memory."""


@dataclass(frozen=True)
class ImageDataset:
    """A training and a test split of (image, label), and how to feed them to a model.

    # Attributes
        name: as given to `load_dataset`.
        train, test: unbatched `tf.data.Dataset`s of (image, int64 label).
        train_size, test_size: numbers of images.
        class_names: names of the classes, in the order of the labels.
        flip: whether a mirrored image keeps its class.
        default_image_size: height and width that a model for these images usually has, in pixels.
        decode: from an image as `train` and `test` hold it (such as a JPEG) to uint8 (H, W, 3).
        shuffle_buffer: number of examples that are shuffled at a time.
        splits: those to train and to test on, where they were named; None for the set's own.
    """

    name: str
    train: Any
    test: Any
    train_size: int
    test_size: int
    class_names: tuple[str, ...]
    flip: bool = True
    default_image_size: int = 224
    decode: Callable[[Any], Any] = tf.identity
    shuffle_buffer: int = SHUFFLE_BUFFER
    splits: tuple[str, str] | None = None

    def epoch(self, epoch: int, *, image_size: tuple[int, int], batch_size: int, seed: int) -> Any:
        """The augmented, preprocessed batches of one epoch.

        Equal arguments give equal batches where TensorFlow's global seed is equal too: `tf.data` mixes it in.

        # Arguments
            epoch: number of the epoch, from 0.
            image_size: (H, W) in pixels.
            batch_size: images a batch; the last one may be smaller.
            seed: of the order and of the augmentation.

        # Returns
            `tf.data.Dataset` of (float32 (N, H, W, 3), int64 (N,)).
        """

        def prepare(index: Any, example: Any) -> Any:
            image, label = example
            key = tf.stack([tf.cast(seed, tf.int64), epoch * self.train_size + index])
            return preprocess_input(augment(self.decode(image), image_size, key, flip=self.flip)), label

        buffer = min(self.train_size, self.shuffle_buffer)
        data = self.train.shuffle(buffer, seed=seed + 1000 * epoch, reshuffle_each_iteration=False).enumerate()
        data = data.map(prepare, num_parallel_calls=tf.data.AUTOTUNE).batch(batch_size)
        return data.prefetch(tf.data.AUTOTUNE)

    def test_batches(self, *, image_size: tuple[int, int], batch_size: int = 100, limit: int | None = None) -> Any:
        """The preprocessed test images (the first `limit` of them), centre-cropped, as `epoch` gives the others."""
        data = self.test if limit is None else self.test.take(limit)
        data = data.map(
            lambda image, label: (preprocess_input(central(self.decode(image), image_size)), label),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        return data.batch(batch_size).prefetch(tf.data.AUTOTUNE)

    def samples(self, count: int | None, image_size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """The first `count` preprocessed test images (N, H, W, 3), None for all, and their labels (N,)."""
        batches: Iterator[Any] = self.test_batches(image_size=image_size, limit=count).as_numpy_iterator()
        with label_errors(self.name):
            images, labels = zip(*batches, strict=True)
        return np.concatenate(images), np.concatenate(labels)
