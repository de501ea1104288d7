"""Augmentation and test crop, from 64 px up as the papers', and their usual counterparts for small images."""

from typing import Any

from larq_el._keras import Tensor, tf
from larq_el.data.policy import CROP_RATIO, SMALL, Augmentation

PADDING = 4
LUMA = (0.2989, 0.587, 0.114)
"""Of red, green and blue (ITU-R BT.601)."""
COMPONENTS = ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140), (-0.5836, -0.6948, 0.4203))
"""Principal components of ImageNet's colours: a row for each of red, green and blue, a column for each component."""
DEVIATIONS = (55.46, 4.794, 1.148)
"""Their standard deviations, of 0 to 255: 0.2175, 0.0188 and 0.0045 of 0 to 1 (fb.resnet.torch)."""


def _resize_shorter_edge(image: Tensor, size: tuple[int, int]) -> Any:
    """Resizes (H, W, 3) so that a crop of `size` covers 224/256 of the shorter edge, as in the paper."""
    shape = tf.cast(tf.shape(image)[:2], tf.float32)
    scale = max(size) / CROP_RATIO / tf.reduce_min(shape)
    wanted = tf.maximum(tf.cast(tf.round(shape * scale), tf.int32), tf.constant(size))
    return tf.image.resize(image, wanted, antialias=True)


def augment(image: Tensor, size: tuple[int, int], seed: Any, policy: Augmentation | None = None) -> Any:
    """A random variation of an image.

    # Arguments
        image: (H, W, 3), 0 to 255.
        size: (H', W') in pixels.
        seed: two integers; equal ones give equal variations.
        policy: what is varied; None for the paper's: a random crop, mirrored half of the time.

    # Returns
        float32 (H', W', 3), 0 to 255.

    # References
        [AlexNet](https://papers.nips.cc/paper/4824), section 4.1 (lighting); [Inception](https://arxiv.org/abs/1409.4842),
        section 6 (RandomResizedCrop)
    """
    policy = policy or Augmentation()
    seeds = tf.random.split(seed, 6)
    if min(size) < SMALL:
        image = tf.pad(_resize_exactly(image, size), [[PADDING, PADDING], [PADDING, PADDING], [0, 0]])
        image = tf.image.stateless_random_crop(image, (*size, 3), seed=seeds[0])
    elif policy.crop == "resized":
        image = _resized_crop(image, size, seeds[0], policy)
    else:
        image = tf.image.stateless_random_crop(_resize_shorter_edge(image, size), (*size, 3), seed=seeds[0])
    if policy.flip:
        image = tf.image.stateless_random_flip_left_right(image, seed=seeds[1])
    if policy.jitter:
        image = _jittered(image, seeds[2], policy.jitter)
    return _lit(image, seeds[3], policy.lighting) if policy.lighting else image


def _resized_crop(image: Tensor, size: tuple[int, int], seed: Any, policy: Augmentation) -> Any:
    """A part of random area, aspect ratio and place, resized; where none fits in ten trials, the whole image."""
    begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.shape(image),
        tf.zeros((1, 0, 4)),
        seed=seed,
        min_object_covered=0.0,
        aspect_ratio_range=policy.aspect,
        area_range=policy.area,
        max_attempts=10,
        use_image_if_no_bounding_boxes=True,
    )
    part = tf.slice(image, begin, extent)
    return tf.ensure_shape(tf.image.resize(part, size, antialias=True), (*size, 3))


def _jittered(image: Tensor, seed: Any, jitter: float) -> Any:
    """Brightness, contrast and saturation times a factor each, in this order."""
    brightness, contrast, saturation = tf.unstack(
        tf.random.stateless_uniform((3,), seed, minval=1.0 - jitter, maxval=1.0 + jitter)
    )
    image = image * brightness
    grey = tf.reduce_sum(image * tf.constant(LUMA), axis=-1, keepdims=True)
    mean = tf.reduce_mean(grey)
    image = mean + (image - mean) * contrast
    grey = tf.reduce_sum(image * tf.constant(LUMA), axis=-1, keepdims=True)
    return tf.clip_by_value(grey + (image - grey) * saturation, 0.0, 255.0)


def _lit(image: Tensor, seed: Any, deviation: float) -> Any:
    """Adds one colour to all pixels: a random multiple of each principal component."""
    strengths = tf.random.stateless_normal((3,), seed, stddev=deviation) * tf.constant(DEVIATIONS)
    return image + tf.linalg.matvec(tf.constant(COMPONENTS), strengths)


def central(image: Tensor, size: tuple[int, int]) -> Any:
    """The centre of an image (H, W, 3) that is resized as for `augment`; a small one is resized to `size` itself."""
    if min(size) < SMALL:
        return _resize_exactly(image, size)
    return tf.image.resize_with_crop_or_pad(_resize_shorter_edge(image, size), *size)


def _resize_exactly(image: Tensor, size: tuple[int, int]) -> Any:
    if image.shape[:2] == size:
        return tf.cast(image, tf.float32)
    return tf.ensure_shape(tf.image.resize(image, size, antialias=True), (*size, 3))
