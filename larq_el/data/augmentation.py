"""The paper's augmentation and test crop, and their usual counterparts for small images."""

from typing import Any

from larq_el._keras import Tensor, tf

CROP_RATIO = 224 / 256
"""The paper's crop over its resized shorter edge."""
SMALL = 64
"""Pixels: smaller images are padded and cropped at their own resolution instead."""
PADDING = 4


def _resize_shorter_edge(image: Tensor, size: tuple[int, int]) -> Any:
    """Resizes (H, W, 3) so that a crop of `size` covers 224/256 of the shorter edge, as in the paper."""
    shape = tf.cast(tf.shape(image)[:2], tf.float32)
    scale = max(size) / CROP_RATIO / tf.reduce_min(shape)
    wanted = tf.maximum(tf.cast(tf.round(shape * scale), tf.int32), tf.constant(size))
    return tf.image.resize(image, wanted, antialias=True)


def augment(image: Tensor, size: tuple[int, int], seed: Any, *, flip: bool) -> Any:
    """A random crop of `size`, mirrored half of the time.

    From 64 px up the shorter edge is resized to 256/224 of the crop first; below, the image is resized to the crop's
    size and padded by 4 px on every side, as is usual for CIFAR-10.

    # Arguments
        image: (H, W, 3), 0 to 255.
        size: (H', W') in pixels.
        seed: two integers; equal ones give equal crops.
        flip: whether to mirror at all.

    # Returns
        float32 (H', W', 3), 0 to 255.
    """
    if min(size) >= SMALL:
        image = _resize_shorter_edge(image, size)
    else:
        image = tf.pad(_resize_exactly(image, size), [[PADDING, PADDING], [PADDING, PADDING], [0, 0]])
    seeds = tf.random.split(seed, 2)
    image = tf.image.stateless_random_crop(image, (*size, 3), seed=seeds[0])
    return tf.image.stateless_random_flip_left_right(image, seed=seeds[1]) if flip else image


def central(image: Tensor, size: tuple[int, int]) -> Any:
    """The centre of an image (H, W, 3) that is resized as for `augment`; a small one is resized to `size` itself."""
    if min(size) < SMALL:
        return _resize_exactly(image, size)
    return tf.image.resize_with_crop_or_pad(_resize_shorter_edge(image, size), *size)


def _resize_exactly(image: Tensor, size: tuple[int, int]) -> Any:
    if image.shape[:2] == size:
        return tf.cast(image, tf.float32)
    return tf.ensure_shape(tf.image.resize(image, size, antialias=True), (*size, 3))
