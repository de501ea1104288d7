"""A data set of images and labels, and how it is fed to a model."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from larq_el._keras import tf
from larq_el.data.augmentation import augment, central
from larq_el.data.policy import Augmentation
from larq_el.data.preprocessing import preprocess_input
from larq_el.data.reading import reading_errors
from larq_el.errors import UserError

SHUFFLE_BUFFER = 50_000
"""Examples: all of CIFAR-10 and of other sets that are kept in memory."""


@dataclass(frozen=True)
class Share:
    """What one worker of several computes of each batch.

    # Attributes
        worker: its number, from 0.
        workers: how many there are.
        replicas: processors of each worker.
    """

    worker: int = 0
    workers: int = 1
    replicas: int = 1


ALONE = Share()


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
        source: the arguments of `load_dataset` that give this set again; None where it was made otherwise.
        validation: part of the training images that is kept for choosing, as `train`; None where none is.
        validation_size: number of its images.
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
    source: dict[str, Any] | None = None
    validation: Any = None
    validation_size: int = 0

    def epoch(
        self,
        epoch: Any,
        *,
        image_size: tuple[int, int],
        batch_size: int,
        seed: int,
        policy: Augmentation | None = None,
        skip: int = 0,
        share: Share = ALONE,
    ) -> Any:
        """The augmented, preprocessed batches of one epoch.

        Equal arguments give equal batches where TensorFlow's global seed is equal too: `tf.data` mixes it in.

        # Arguments
            epoch: number of the epoch, from 0.
            image_size: (H, W) in pixels.
            batch_size: images a batch, of all workers; the last one may be smaller where there is one worker alone.
            seed: of the order and of the augmentation.
            policy: of augmentation; None for the paper's.
            skip: batches to leave out at the start, without reading their images.
            share: which part of each batch to compute.

        # Returns
            `tf.data.Dataset` of (float32 (N, H, W, 3), int64 (N,)).
        """
        policy = policy or Augmentation()
        policy = policy if self.flip else replace(policy, flip=False)
        epoch = tf.cast(epoch, tf.int64)

        def prepare(index: Any, example: Any) -> Any:
            image, label = example
            key = tf.stack([tf.cast(seed, tf.int64), epoch * self.train_size + index])
            return preprocess_input(augment(self.decode(image), image_size, key, policy)), label

        buffer = min(self.train_size, self.shuffle_buffer)
        data = self.train.shuffle(buffer, seed=seed + 1000 * epoch, reshuffle_each_iteration=False).enumerate()
        data = data.skip(skip * batch_size)
        several = share.workers * share.replicas > 1
        if several:
            data = data.take((self.train_size // batch_size - skip) * batch_size)
        if share.workers > 1:
            mine = batch_size // share.workers
            data = data.filter(lambda index, _: index % batch_size // mine == share.worker)
        data = data.map(prepare, num_parallel_calls=tf.data.AUTOTUNE)
        return data.batch(batch_size // (share.workers * share.replicas)).prefetch(tf.data.AUTOTUNE)

    def test_batches(self, *, image_size: tuple[int, int], batch_size: int = 100, limit: int | None = None) -> Any:
        """The preprocessed test images (the first `limit` of them), centre-cropped, as `epoch` gives the others."""
        return self._batches(self.test, image_size, batch_size, limit)

    def validation_batches(self, *, image_size: tuple[int, int], batch_size: int = 100) -> Any:
        """The images that are kept for choosing, as `test_batches` gives the test images; these where none are kept."""
        return self._batches(self.validation or self.test, image_size, batch_size, None)

    def _batches(self, data: Any, image_size: tuple[int, int], batch_size: int, limit: int | None) -> Any:
        data = data if limit is None else data.take(limit)
        data = data.map(
            lambda image, label: (preprocess_input(central(self.decode(image), image_size)), label),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        return data.batch(batch_size).prefetch(tf.data.AUTOTUNE)

    def samples(self, count: int | None, image_size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """The first `count` preprocessed test images (N, H, W, 3), None for all, and their labels (N,)."""
        batches: Iterator[Any] = self.test_batches(image_size=image_size, limit=count).as_numpy_iterator()
        with reading_errors(self.name):
            images, labels = zip(*batches, strict=True)
        return np.concatenate(images), np.concatenate(labels)

    def held_out(self, part: float) -> "ImageDataset":
        """The data set with a part of its training images kept for choosing: every tenth one for 0.1.

        # Arguments
            part: of the training images, above 0 and at most 0.5.

        # Raises
            ValueError: where it is another number, or there are too few images.
        """
        if not 0 < part <= 0.5:
            raise UserError(
                f"the validation part must be above 0 and at most 0.5 of the training images, got {part!r}."
            )
        every = round(1 / part)
        if self.train_size < every:
            raise UserError(
                f"{part:g} of the {self.train_size} training images of {self.name!r} is less than one image; keep "
                "more of them for validation."
            )
        kept = -(-self.train_size // every)
        numbered = self.train.enumerate()
        return replace(
            self,
            train=numbered.filter(lambda index, _: index % every != 0).map(lambda _, example: example),
            validation=numbered.filter(lambda index, _: index % every == 0).map(lambda _, example: example),
            train_size=self.train_size - kept,
            validation_size=kept,
            source=self.source and {**self.source, "validation": part},
        )

    def few(self, images: int) -> "ImageDataset":
        """The data set of at most so many images of each part: for a look at whether something runs at all.

        # Arguments
            images: at least 1.

        # Raises
            ValueError: where it is less.
        """
        if images < 1:
            raise UserError(f"the number of images must be at least 1, got {images}.")
        train, test = min(images, self.train_size), min(images, self.test_size)
        kept = min(images, self.validation_size)
        return replace(
            self,
            # sets come mixed; a shuffle would depend on TensorFlow's global seed
            train=self.train.take(train),
            test=self.test.take(test),
            validation=self.validation and self.validation.take(kept),
            train_size=train,
            test_size=test,
            validation_size=kept,
            source=self.source and {**self.source, "images": images},
        )
