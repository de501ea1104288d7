"""Sets of TensorFlow Datasets."""

from dataclasses import replace
from typing import Any

import numpy as np

from larq_el._keras import Tensor, tf
from larq_el.data.dataset import SHUFFLE_BUFFER, ImageDataset
from larq_el.data.labels import labels_of
from larq_el.data.policy import SMALL
from larq_el.data.reading import reading_errors
from larq_el.data.splits import choose_splits, ranges
from larq_el.errors import UserError, first_line

SHUFFLE_BUFFER_ENCODED = 10_000
"""Examples of larger sets, which TFDS has shuffled on disk: of ImageNet, JPEGs of about 1 GB."""
LOOKED_THROUGH = 1e9
"""Bytes on disk of a split whose labels are all looked at first, in seconds; others are checked as they come."""
CHANNELS = (1, 2, 3, 4)
"""Grey, grey and alpha, RGB, RGBA; of an image whose last axis has another size they come first."""


def tfds_dataset(
    name: str,
    data_dir: str | None,
    split: str | None = None,
    test_split: str | None = None,
    *,
    any_images: bool = False,
) -> ImageDataset:
    """A set of TensorFlow Datasets, see `larq_el.data.load.load_dataset`."""
    with reading_errors(name):
        return _dataset(name, data_dir, split, test_split, any_images)


def _dataset(
    name: str, data_dir: str | None, split: str | None, test_split: str | None, any_images: bool
) -> ImageDataset:
    builder = _prepared(name, data_dir)
    features = builder.info.features
    splits = choose_splits(builder, split, test_split, any_images=any_images)
    train, test = (_examples(builder, one) for one in splits)
    sizes = [builder.info.splits[one].num_examples for one in splits]
    # each part of a split has the classes of the whole
    whole = "+".join(sorted({own for one in splits for own in ranges(builder, one)}))
    labels = labels_of(features["label"], name, _examples(builder, whole))
    train, test = (part.map(lambda image, label: (image, labels.number(label))) for part in (train, test))
    _look_through(builder, dict(zip(splits, (train, test), strict=True)))
    data = ImageDataset(
        name,
        train,
        test,
        sizes[0],
        sizes[1],
        class_names=labels.names,
        decode=lambda image: rgb(_decoded(features["image"], image)),
        shuffle_buffer=SHUFFLE_BUFFER_ENCODED,
        splits=splits if split or test_split else None,
        source={"name": name, "data_dir": data_dir, "split": split, "test_split": test_split},
    )
    shape = features["image"].shape
    return _in_memory(data, shape) if None not in shape and sizes[0] * np.prod(shape) < 1e9 else data


def _prepared(name: str, data_dir: str | None) -> Any:
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
    _check_image(features["image"], name)
    try:
        builder.download_and_prepare()
    except Exception as error:  # TFDS raises whatever its download and its parsers raise
        raise UserError(
            f"data set {name!r} is not in {builder.data_dir!r} and could not be prepared there; without a network, "
            f"prepare it elsewhere and give its folder as data_dir ({first_line(error)})."
        ) from error
    return builder


def _examples(builder: Any, split: str) -> Any:
    import tensorflow_datasets as tfds

    is_encoded = isinstance(builder.info.features["image"], tfds.features.Image)
    encoded = {"image": tfds.decode.SkipDecoding()} if is_encoded else None
    return builder.as_dataset(split=split, decoders=encoded).map(lambda row: (row["image"], row["label"]))


def _look_through(builder: Any, examples: dict[str, Any]) -> None:
    """Checks the labels of splits that are small: those of test images would be read after an epoch of training."""
    for split, part in examples.items():
        if sum(builder.info.splits[own].num_bytes for own in ranges(builder, split)) < LOOKED_THROUGH:
            for _ in part.map(lambda _, label: label).batch(1024):
                pass


def _decoded(feature: Any, image: Tensor) -> Tensor:
    import tensorflow_datasets as tfds

    return feature.decode_example(image) if isinstance(feature, tfds.features.Image) else image


def _check_image(feature: Any, name: str) -> None:
    shape: Any = getattr(feature, "shape", None)
    dtype = getattr(feature, "dtype", None)
    if shape is None or len(shape) != 3 or not (shape[-1] in CHANNELS or shape[0] in CHANNELS):
        raise UserError(
            f"the images of data set {name!r} have shape {shape}; they must be (H, W, C) or (C, H, W), C from 1 to 4."
        )
    if tf.as_dtype(dtype) != tf.uint8:
        raise UserError(
            f"the images of data set {name!r} are {tf.as_dtype(dtype).name}; they must be uint8, from 0 to 255."
        )


def rgb(image: Tensor) -> Tensor:
    """An image of three channels: of grey each is the same, alpha is left out, channels that come first come last.

    >>> rgb(tf.zeros((4, 28, 28), tf.uint8)).shape.as_list()
    [28, 28, 3]

    # Arguments
        image: (H, W, C) or (C, H, W), C from 1 to 4.

    # Returns
        (H, W, 3).
    """
    if image.shape[-1] not in CHANNELS:
        image = tf.transpose(image, (1, 2, 0))
    if image.shape[-1] in (1, 2):
        return tf.repeat(image[..., :1], 3, axis=-1)
    return image[..., :3]


def _in_memory(data: ImageDataset, shape: tuple[int, ...]) -> ImageDataset:
    """Decodes a small set once."""
    train, test = (
        part.map(lambda image, label: (data.decode(image), label)).cache() for part in (data.train, data.test)
    )
    height = shape[0] if shape[-1] in CHANNELS else shape[1]
    size = 32 if height < SMALL else 224
    return replace(
        data, train=train, test=test, decode=tf.identity, shuffle_buffer=SHUFFLE_BUFFER, default_image_size=size
    )
