"""MoBiNet (Phan et al. 2020): MobileNet's widths, in blocks that make room for shortcuts where the width stays.

With M channels in and N out; 3x3 is K-dependent (each output channel sees K input channels), [ ] has a shortcut:

    standard    3x3 M, 1x1 N
    pre         1x1 N, [3x3 N], [1x1 N]
    mid         [3x3 M], 1x1 N, [1x1 N]
    post        [3x3 M], [1x1 M], 1x1 M, 1x1 N

Each convolution is BN(PReLU(BinConv(sign x))). The authors' code is not public; docs/methods/mobinet.md says what is
inferred.

Reference: https://arxiv.org/abs/1907.12629
"""

from functools import partial
from typing import Any

from larq_el.zoo.backbones.base import Backbone, Options, is_small
from larq_el.zoo.backbones.mobilenet import PAIRS, STEM_FILTERS
from larq_el.zoo.methods import Method
from larq_el.zoo.steps import Conv
from larq_el.zoo.unit import conv_unit

WIDEN = "1x1 from M to N"

VARIANTS = {
    "standard": ("mobi_3x3", WIDEN),
    "pre": (WIDEN, "mobi_3x3_skip", "mobi_1x1_skip"),
    "mid": ("mobi_3x3_skip", WIDEN, "mobi_1x1_skip"),
    "post": ("mobi_3x3_skip", "mobi_1x1_skip", "mobi_1x1", WIDEN),
}
"""The roles of a block's convolutions; `WIDEN` is the one that goes from M to N channels."""

DEPENDENCY = 4
"""K of the published network."""


def mobinet(image: Any, method: Method, options: Options, *, variant: str, dependency: int) -> Any:
    """A 3x3 in full precision and thirteen blocks; the 3x3 has stride 2, or 1 for small images."""
    stem = Conv(options.channels(STEM_FILTERS), 3, 1 if is_small(image) else 2, "stem")
    x = conv_unit(image, stem, method.units["stem"], options.pad_values)
    for index, (full, strides) in enumerate(PAIRS, start=1):
        for at, step in enumerate(VARIANTS[variant], start=1):
            channels, name = x.shape[-1], f"block{index}_{at}"
            if step.startswith("mobi_3x3"):
                conv = Conv(channels, 3, strides, f"{name}_spatial", depthwise=True, group=dependency)
            else:
                conv = Conv(options.channels(full) if step == WIDEN else channels, 1, 1, f"{name}_pointwise")
            x = conv_unit(x, conv, method.units["mobi_1x1" if step == WIDEN else step], options.pad_values)
    return x


def _backbone(variant: str, dependency: int = DEPENDENCY) -> Backbone:
    other = "" if dependency == DEPENDENCY else f"_k{dependency}"
    roles = {"mobi_1x1" if step == WIDEN else step for step in VARIANTS[variant]}
    features = partial(mobinet, variant=variant, dependency=dependency)
    title = f"MoBiNet{variant.capitalize()}{other.strip('_').upper()}"
    return Backbone(f"mobinet_{variant}{other}", title, frozenset({"stem", *roles}), features)


MOBINETS = (*map(_backbone, VARIANTS), _backbone("mid", dependency=1))
