"""ReActNet-A and ReActNet-C (Liu et al. 2020): MobileNet's widths, with full 3x3 convolutions for the depthwise ones.

A block with C channels in:

    y1 = RPReLU(BN(BinConv3x3(RSign x)) + x)              x average-pooled where the stride is 2
    y2 = RPReLU(BN(BinConv1x1(RSign y1)) + y1)            C -> C
    y2 = RPReLU(BN(BinConv1x1(RSign y1)) + (y1, y1))      C -> 2C

The original doubles the channels by two parallel 1x1s, each with its BatchNorm and its sum with y1, and concatenates
them; one 1x1 with 2C filters and a sum with y1 twice are the same. That sum is Elastic-Link's Expand with gamma fixed
at 1; EL-ReActNet-C learns gamma, starting at 2 (equation 5).

In ReActNet-C the doubling 1x1s are in full precision (the published operation counts fit with all five of them); its
code is not public, and whether their input still goes through RSign is not said. Here it does not.

Reference: https://arxiv.org/abs/2003.03488, https://github.com/liuzechun/ReActNet
"""

from functools import partial
from typing import Any

from larq_el.zoo.backbones.base import Backbone, Options, is_small
from larq_el.zoo.backbones.mobilenet import PAIRS, STEM_FILTERS
from larq_el.zoo.methods import Method
from larq_el.zoo.steps import Conv
from larq_el.zoo.steps.convs import float_conv
from larq_el.zoo.steps.norms import batch_norm
from larq_el.zoo.unit import conv_unit


def reactnet(image: Any, method: Method, options: Options, *, doubling: str) -> Any:
    """A 3x3 in full precision and thirteen blocks; the 3x3 has stride 2, or 1 for small images."""
    x = float_conv(image, Conv(options.channels(STEM_FILTERS), 3, 1 if is_small(image) else 2, "stem"))
    x = batch_norm(x, "stem_bn")
    for index, (full, strides) in enumerate(PAIRS, start=1):
        channels, filters = x.shape[-1], options.channels(full)
        spatial = Conv(channels, 3, strides, f"block{index}_spatial")
        x = conv_unit(x, spatial, method.units["react"], options.pad_values)
        role = "react_1x1" if filters == channels else doubling
        x = conv_unit(x, Conv(filters, 1, 1, f"block{index}_pointwise"), method.units[role], options.pad_values)
    return x


def _variant(letter: str, doubling: str) -> Backbone:
    features = partial(reactnet, doubling=doubling)
    roles = frozenset({"react", "react_1x1", doubling})
    return Backbone(f"reactnet_{letter}", f"ReActNet{letter.upper()}", roles, features)


REACTNETS = (_variant("a", "react_double"), _variant("c", "react_double_float"))
