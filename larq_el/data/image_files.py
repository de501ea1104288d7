"""Image files to arrays, by Pillow: every format that it knows, turned as its camera says; loads no TensorFlow."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from larq_el.data.policy import CROP_RATIO, IMAGENET_MEAN, SMALL
from larq_el.errors import UserError, first_line

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
"""Of the files of a folder that are taken for images."""
ENOUGH = 1024
"""Pixels of the shorter edge that JPEGs are read at where they have twice as many."""
MOST_PIXELS = 1 << 28
"""Of an image; a small file may unpack to far more than there is memory."""


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """Reads an image file; a JPEG of more than 2,048 px at a half of its size, a quarter or an eighth.

    # Arguments
        path: of the file.

    # Returns
        uint8 (H', W', 3), red, green and blue; grey is repeated, transparency left out.

    # Raises
        ValueError: where it is no image, is damaged, or has more than 268 million pixels.
    """
    try:
        from PIL import Image, ImageOps
    except ModuleNotFoundError as error:
        raise UserError("image files are read by Pillow, which is not installed: pip install pillow.") from error

    try:
        with Image.open(path) as image:
            if image.width * image.height > MOST_PIXELS:
                raise UserError(f"{image.width} x {image.height} pixels are more than {MOST_PIXELS:,}")
            # photographs are decoded in a fraction of the time, and never below what a crop needs
            image.draft(None, (ENOUGH, ENOUGH))
            return np.asarray(_in_colour(ImageOps.exif_transpose(image)))
    except UserError as error:
        raise UserError(f"image {os.fspath(path)!r} cannot be read: {error}; give a smaller one.") from error
    except Exception as error:  # Pillow raises what its decoders raise
        raise UserError(
            f"image {os.fspath(path)!r} cannot be read ({first_line(error)}); give an image file, such as a JPEG."
        ) from error


def _in_colour(image: Any) -> Any:
    """Red, green and blue of 8 bits."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        # 16 bits a pixel, which Pillow would clip
        values = np.asarray(image, np.float32)
        scale = 255.0 / (65535.0 if values.max(initial=0.0) > 255.0 else 255.0)
        return np.repeat((values * scale).clip(0, 255).astype(np.uint8)[..., None], 3, axis=-1)
    return image.convert("RGB")


def list_images(folder: Path) -> list[Path]:
    """The image files in a folder and the folders in it, in the order of their names; hidden ones are left out.

    # Arguments
        folder: to look through.
    """
    found = []
    for root, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            Path(root, name)
            for name in sorted(files)
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES
        ]
    return found


def model_input(path: str | os.PathLike[str], size: tuple[int, int]) -> np.ndarray:
    """An image file as a model of the zoo takes it: what tests feed it, by Pillow's resizing in TensorFlow's place.

    # Arguments
        path: of the file.
        size: (H, W) of the model's image, in pixels.

    # Returns
        float32 (1, H, W, 3): the centre of the image, see `larq_el.data.augmentation.central`, less ImageNet's mean.

    # Raises
        ValueError: where the file cannot be read.
    """
    image = read_image(path)
    height, width = size
    if min(size) < SMALL:
        image = _resized(image, height, width)
    else:
        scale = max(size) / CROP_RATIO / min(image.shape[:2])
        image = _resized(image, max(height, round(image.shape[0] * scale)), max(width, round(image.shape[1] * scale)))
        top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
        image = image[top : top + height, left : left + width]
    return (image - np.asarray(IMAGENET_MEAN, np.float32))[np.newaxis]


def _resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear, of float32: Pillow would round those of 8 bits."""
    from PIL import Image

    channels = [
        Image.fromarray(np.ascontiguousarray(channel, np.float32)).resize((width, height), Image.Resampling.BILINEAR)
        for channel in np.moveaxis(image, -1, 0)
    ]
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)
