"""MobileNet V1 (Howard et al. 2017): pairs of a depthwise 3x3 and a pointwise 1x1, the paper's Figure 3, right.

EL-MobileNet, for each pair:

    y1 = BN(ReLU(BinDepthwise3x3(sign x))) + x
    y2 = BN(ReLU(BinConv1x1(sign y1)))     + SEI(y1) / gamma

ReLU stands between convolution and BatchNorm: behind the sum it would turn every sign that follows into +1. The first
convolution, the classifier and the depthwise convolutions with stride 2 are in full precision. The Larq Compute Engine
has no binary depthwise convolution: those run in float there, on signs.

Reference: https://arxiv.org/abs/1704.04861
"""

from typing import Any

from larq_el.zoo.backbones.base import Backbone, Options, is_small
from larq_el.zoo.methods import Method
from larq_el.zoo.steps import Conv
from larq_el.zoo.unit import apply_steps, conv_unit

STEM_FILTERS = 32
PAIRS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
"""Filters of the pointwise convolution, stride of the depthwise one."""


def mobilenet(image: Any, method: Method, options: Options) -> Any:
    """A 3x3 and thirteen pairs; the 3x3 has stride 2, or 1 for small images."""
    stem = Conv(options.channels(STEM_FILTERS), 3, 1 if is_small(image) else 2, "stem")
    x = conv_unit(image, stem, method.units["stem"], options.pad_values)
    for index, (filters, strides) in enumerate(PAIRS, start=1):
        role = "depthwise_down" if strides > 1 else "depthwise"
        depthwise = Conv(x.shape[-1], 3, strides, f"pair{index}_depthwise", depthwise=True)
        x = conv_unit(x, depthwise, method.units[role], options.pad_values)
        pointwise = Conv(options.channels(filters), 1, 1, f"pair{index}_pointwise")
        x = conv_unit(x, pointwise, method.units["pointwise"], options.pad_values)
    return apply_steps(x, method.head, "last")


MOBILENET = Backbone(
    "mobilenet", "MobileNet", frozenset({"stem", "depthwise", "depthwise_down", "pointwise"}), mobilenet
)
