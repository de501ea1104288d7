"""What every backbone is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from larq_el.zoo.methods import Method

SMALL_IMAGE = 64
"""Pixels: images below this height keep their resolution through a first convolution of stride 1."""


def is_small(image: Any) -> bool:
    """Whether an image (N, H, W, C) is known to be a small one."""
    return image.shape[1] is not None and image.shape[1] < SMALL_IMAGE


@dataclass(frozen=True)
class Options:
    """What a user may vary in every backbone.

    # Attributes
        width: multiplier of the number of channels.
        stride_on: which convolution of a downsampling bottleneck has the stride: its first 1x1 ("reduce", the paper's
            Figure 4 and Keras's ResNet) or its 3x3 ("spatial").
        pad_values: what 3x3 binary convolutions pad with: 0 (as other convolutions; the paper does not say), or 1 (no
            zeros among the signs, and faster in the Larq Compute Engine, but another network at the image's border).
    """

    width: float = 1.0
    stride_on: Literal["reduce", "spatial"] = "reduce"
    pad_values: float = 0.0

    def channels(self, full: int) -> int:
        """`full` channels times the width, to the nearest multiple of 8 (8 at least).

        >>> Options(width=0.25).channels(64), Options(width=0.3).channels(64), Options(width=0.01).channels(64)
        (16, 16, 8)
        """
        return full if self.width == 1.0 else max(8, int(full * self.width / 8 + 0.5) * 8)


@dataclass(frozen=True)
class Backbone:
    """A network without its classifier.

    # Attributes
        name: of `create_model`, as in "resnet26".
        title: as in the public function's name, "ResNet26".
        roles: the roles of its convolutions; a method must have a unit for each.
        features: `features(image, method, options)` returns the last feature map (N, H, W, C).
    """

    name: str
    title: str
    roles: frozenset[str]
    features: Callable[[Any, Method, Options], Any]
