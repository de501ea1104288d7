"""What augmentation and preprocessing do, as data; loads no TensorFlow."""

from dataclasses import dataclass
from typing import Literal

from larq_el.errors import UserError

IMAGENET_MEAN = (123.675, 116.28, 103.53)
"""Mean of ImageNet's red, green and blue, of 0 to 255."""
CROP_RATIO = 224 / 256
"""The paper's crop over its resized shorter edge."""
SMALL = 64
"""Pixels: smaller images are padded and cropped at their own resolution instead."""
CROPS = ("shorter_edge", "resized")


@dataclass(frozen=True)
class Augmentation:
    """How training images are varied.

    # Attributes
        crop: of images from 64 px up; smaller ones are padded by 4 px and cropped. "shorter_edge" resizes the shorter
            edge to 256/224 of the crop, and crops at random; "resized" (RandomResizedCrop) cuts out a part of random
            area and aspect ratio, and resizes it.
        area: least and largest part of the image that "resized" cuts out.
        aspect: least and largest width over height of it.
        flip: whether images are mirrored half of the time, where the data set allows it.
        jitter: brightness, contrast and saturation are each multiplied by a random factor in [1 - jitter, 1 + jitter].
        lighting: standard deviation of AlexNet's noise along the principal components of ImageNet's colours.

    >>> Augmentation(crop="center")
    Traceback (most recent call last):
      ...
    larq_el.errors.UserError: crop must be one of shorter_edge, resized, got 'center'.
    """

    crop: Literal["shorter_edge", "resized"] = "shorter_edge"
    area: tuple[float, float] = (0.08, 1.0)
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    flip: bool = True
    jitter: float = 0.0
    lighting: float = 0.0

    def __post_init__(self) -> None:
        if self.crop not in CROPS:
            raise UserError(f"crop must be one of {', '.join(CROPS)}, got {self.crop!r}.")
        for name, most in (("area", 1.0), ("aspect", float("inf"))):
            low, high = getattr(self, name)
            if not 0 < low <= high <= most:
                raise UserError(f"{name} must be two numbers above 0 in order, at most {most}, got {(low, high)!r}.")
        if not 0 <= self.jitter < 1:
            raise UserError(f"jitter must be at least 0 and below 1, got {self.jitter!r}.")
        if not 0 <= self.lighting < float("inf"):
            raise UserError(f"lighting must be at least 0, got {self.lighting!r}.")
