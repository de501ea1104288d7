"""Bi-Real net's own ResNet-50, which carries two streams from block to block.

With f filters, a of f channels (a narrow stream) and b of 4f (a wide one), both the stem's output at first:

    y1 = BN(BinConv1x1(sign b))  + a             a through a full-precision 1x1 where a stage begins
    y2 = BN(BinConv3x3(sign y1)) + y1            y1 average-pooled 2x2 where the stride is 2
    y3 = BN(BinConv1x1(sign y2)) + shortcut(b)   the downsampling shortcut of the other ResNets
    next a = y2, next b = y3

In the very first block y1 = BN(Conv1x1(LeakyClip(b))), in full precision and without a. The stride is on the 3x3. The
paper's "Bi-Real" rows of ResNet-26 and 50 are plain bottlenecks instead, with a shortcut around the 3x3.

Reference: https://github.com/liuzechun/Bi-Real-net, BiReal_50
"""

from typing import Any

from larq_el._keras import Tensor, keras
from larq_el.layers import LeakyClip
from larq_el.zoo.backbones.base import Backbone, Options
from larq_el.zoo.backbones.resnet import EXPANSION, STAGE_FILTERS, shortcut, stem
from larq_el.zoo.methods import Method
from larq_el.zoo.steps import Conv
from larq_el.zoo.steps.convs import float_conv
from larq_el.zoo.steps.norms import batch_norm
from larq_el.zoo.unit import apply_steps, conv_unit

DEPTHS = (3, 4, 6, 3)


def _reduce(a: Any, b: Any, filters: int, method: Method, options: Options, name: str) -> Any:
    """y1, from both streams."""
    conv = Conv(filters, 1, 1, f"{name}_reduce")
    if a is b:
        return batch_norm(float_conv(LeakyClip(name=f"{name}_clip")(b), conv), f"{conv.name}_bn")
    y = conv_unit(b, conv, method.units["stream"], options.pad_values)
    if a.shape[-1] != filters:
        a = float_conv(a, Conv(filters, 1, 1, f"{name}_stream"))
    return keras.layers.Add(name=f"{conv.name}_add")([y, a])


def two_stream_resnet(image: Tensor, method: Method, options: Options) -> Any:
    """Stem and four stages; the first block of stages 2 to 4 has stride 2."""
    a = b = stem(image, method, options)
    binary = method.units["stream"]
    for stage, (full, depth) in enumerate(zip(STAGE_FILTERS, DEPTHS, strict=True), start=1):
        filters = options.channels(full)
        for index in range(1, depth + 1):
            strides, name = 2 if stage > 1 and index == 1 else 1, f"stage{stage}_block{index}"
            y = _reduce(a, b, filters, method, options, name)
            a = conv_unit(y, Conv(filters, 3, strides, f"{name}_spatial"), binary, options.pad_values)
            if strides > 1:
                y = keras.layers.AveragePooling2D(2, strides, padding="same", name=f"{name}_spatial_pool")(y)
            a = keras.layers.Add(name=f"{name}_spatial_add")([a, y])
            y = conv_unit(a, Conv(EXPANSION * filters, 1, 1, f"{name}_expand"), binary, options.pad_values)
            wide = shortcut(b, EXPANSION * filters, strides, method, name)
            b = keras.layers.Add(name=f"{name}_add")([y, wide])
    return apply_steps(b, method.head, "last")


TWO_STREAM = Backbone("two_stream_resnet50", "TwoStreamResNet50", frozenset({"stream"}), two_stream_resnet)
