"""Image files to arrays, by Pillow: every format that it knows, turned as its camera says; loads no TensorFlow."""

import os
from pathlib import Path
from typing import Any

import numpy as np

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
    from PIL import Image, ImageOps

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
