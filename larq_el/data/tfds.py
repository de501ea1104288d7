"""Sets of TensorFlow Datasets."""

from dataclasses import replace
from typing import Any

import numpy as np

from larq_el._keras import Tensor, tf
from larq_el.data.augmentation import SMALL
from larq_el.data.dataset import SHUFFLE_BUFFER, ImageDataset
from larq_el.errors import UserError, first_line

SHUFFLE_BUFFER_ENCODED = 10_000
"""Examples of larger sets, which TFDS has shuffled on disk: of ImageNet, JPEGs of about 1 GB."""
TEST_SPLITS = {"imagenet2012": "validation"}
"""Where it is not "test" although there is one: ImageNet's test labels are not published."""


def tfds_dataset(name: str, data_dir: str | None) -> ImageDataset:
    """A set of TensorFlow Datasets, see `larq_el.data.load.load_dataset`."""
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


def _rgb(image: Tensor) -> Any:
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
