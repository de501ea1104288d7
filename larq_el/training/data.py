"""Image-classification data: any TFDS set by name, and scikit-learn's digits, which need no download."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from larq_el._keras import keras, tf
from larq_el.errors import UserError, first_line
from larq_el.training.augmentation import SMALL, augment, central
from larq_el.zoo.preprocessing import preprocess_input

SHUFFLE_BUFFER = 50_000
"""Examples: all of CIFAR-10 and of other sets that are kept in memory."""
SHUFFLE_BUFFER_ENCODED = 10_000
"""Examples of larger sets, which TFDS has shuffled on disk: of ImageNet, JPEGs of about 1 GB."""
TEST_SPLITS = {"imagenet2012": "validation"}
"""Where it is not "test" although there is one: ImageNet's test labels are not published."""


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

    def samples(self, count: int, image_size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """`count` preprocessed test images (N, H, W, 3) and their labels (N,); fewer where the set is smaller."""
        batches: Iterator[Any] = self.test_batches(image_size=image_size, limit=count).as_numpy_iterator()
        images, labels = zip(*batches, strict=True)
        return np.concatenate(images), np.concatenate(labels)


def load_dataset(name: str = "digits", data_dir: str | None = None) -> ImageDataset:
    """Loads a data set by name.

    # Arguments
        name: "digits" (scikit-learn's 1,797 handwritten digits, upscaled to 32 px; nothing is downloaded), or any
            image-classification set of TensorFlow Datasets, such as "cifar10" or "imagenette/160px-v2".
        data_dir: where TFDS keeps its data; None for its default.

    # Returns
        An `ImageDataset`.

    # Raises
        ValueError: where TFDS knows no such set, it cannot be had, or it is not one of images and labels.

    >>> load_dataset("digits").train_size
    1437
    """
    return _digits() if name == "digits" else _tfds(name, data_dir)


def _digits() -> ImageDataset:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = tf.image.resize(digits.images[..., None] * (255 / 16), (32, 32)).numpy()
    images = np.repeat(images.round().clip(0, 255).astype(np.uint8), 3, axis=-1)
    labels = digits.target.astype(np.int64)
    order = np.random.default_rng(0).permutation(len(labels))
    split = len(labels) * 4 // 5
    train, test = (
        tf.data.Dataset.from_tensor_slices((images[part], labels[part])) for part in (order[:split], order[split:])
    )
    return ImageDataset(
        "digits",
        train,
        test,
        split,
        len(labels) - split,
        class_names=tuple(map(str, range(10))),
        flip=False,
        default_image_size=32,
    )


def _tfds(name: str, data_dir: str | None) -> ImageDataset:
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except (ValueError, RuntimeError, OSError) as error:
        raise UserError(
            f"TensorFlow Datasets has no data set {name!r} ({first_line(error)}); 'digits' needs no download, and "
            "https://www.tensorflow.org/datasets/catalog lists the others."
        ) from error
    features = builder.info.features
    if not isinstance(features, tfds.features.FeaturesDict) or not {"image", "label"} <= features.keys():
        raise UserError(f"data set {name!r} has no 'image' and 'label'; choose one of the image-classification sets.")
    try:
        builder.download_and_prepare()
    except Exception as error:  # TFDS raises whatever its download and its parsers raise
        raise UserError(
            f"data set {name!r} is not in {builder.data_dir!r} and could not be prepared there; without a network, "
            f"prepare it elsewhere and give its folder as data_dir ({first_line(error)})."
        ) from error
    preferred = (TEST_SPLITS.get(builder.name, "test"), "validation")
    test = next((split for split in preferred if split in builder.info.splits), None)
    if test is None or "train" not in builder.info.splits:
        raise UserError(f"data set {name!r} must have a train and a test split, and has {sorted(builder.info.splits)}.")
    encoded = {"image": tfds.decode.SkipDecoding()}
    train, held_out = (
        builder.as_dataset(split=split, decoders=encoded).map(lambda row: (row["image"], row["label"]))
        for split in ("train", test)
    )
    size = {split: info.num_examples for split, info in builder.info.splits.items()}
    data = ImageDataset(
        name,
        train,
        held_out,
        size["train"],
        size[test],
        class_names=tuple(features["label"].names),
        decode=lambda image: _rgb(features["image"].decode_example(image)),
        shuffle_buffer=SHUFFLE_BUFFER_ENCODED,
    )
    shape = features["image"].shape
    return _in_memory(data, shape) if None not in shape and size["train"] * np.prod(shape) < 1e9 else data


def _rgb(image: Any) -> Any:
    return tf.image.grayscale_to_rgb(image) if image.shape[-1] == 1 else image


def _in_memory(data: ImageDataset, shape: tuple[int, ...]) -> ImageDataset:
    """Decodes a small set once."""
    train, test = (
        part.map(lambda image, label: (data.decode(image), label)).cache() for part in (data.train, data.test)
    )
    size = 32 if shape[0] < SMALL else 224
    return replace(
        data, train=train, test=test, decode=tf.identity, shuffle_buffer=SHUFFLE_BUFFER, default_image_size=size
    )


def image_size_of(model: Any) -> tuple[int, int]:
    """(H, W) in pixels of a model's image.

    # Raises
        ValueError: where the model has several inputs, or its sizes are not fixed.
    """
    shape = model.input_shape if isinstance(model, keras.Model) else model
    if not isinstance(shape, tuple) or len(shape) != 4 or None in shape[1:] or shape[-1] != 3:
        raise UserError(f"the model must take one RGB image of fixed size, (N, H, W, 3), and takes {shape}.")
    return shape[1], shape[2]
