"""scikit-learn's 1,797 handwritten digits, which need no download."""

import numpy as np

from larq_el._keras import tf
from larq_el.data.dataset import ImageDataset


def digits() -> ImageDataset:
    """The digits, upscaled to 32 px: four fifths to train on, the others to test."""
    from sklearn.datasets import load_digits

    loaded = load_digits()
    images = tf.image.resize(loaded.images[..., None] * (255 / 16), (32, 32)).numpy()
    images = np.repeat(images.round().clip(0, 255).astype(np.uint8), 3, axis=-1)
    labels = loaded.target.astype(np.int64)
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
        source={"name": "digits"},
    )
