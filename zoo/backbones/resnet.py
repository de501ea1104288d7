"""ResNet-18 and 34 of basic blocks, ResNet-26 and 50 of bottlenecks (He et al. 2016), and the paper's Figure 3.

An EL-Bottleneck with C channels in, f inside and 4f out:

    y1  = BN(K(x) * BinConv1x1(sign x)) + SEI(x)  / gamma_1     C -> f    role "reduce"
    y2  = BN(BinConv3x3(sign y1))       + y1                    f -> f    role "spatial"
    y3  = BN(BinConv1x1(sign y2))       + SEI(y2) / gamma_3     f -> 4f   role "expand"
    out = y3 + shortcut(x)

The stem, the downsampling shortcuts and the classifier are in full precision. ResNet-26 has two blocks a stage.

References: https://arxiv.org/abs/1512.03385, https://arxiv.org/abs/1808.00278 (one shortcut a convolution),
https://arxiv.org/abs/2112.10149
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from larq_el._keras import Tensor, keras
from larq_el.zoo.backbones.base import Backbone, Options, is_small
from larq_el.zoo.methods import Method
from larq_el.zoo.steps import Conv
from larq_el.zoo.steps.convs import float_conv
from larq_el.zoo.steps.norms import batch_norm
from larq_el.zoo.unit import apply_steps, conv_unit

STAGE_FILTERS = (64, 128, 256, 512)
EXPANSION = 4

Block = Callable[..., Any]


def stem(x: Tensor, method: Method, options: Options) -> Any:
    """7x7 with stride 2 and a 3x3 max-pool with stride 2, or one 3x3 with stride 1 for small images."""
    filters, unit = options.channels(STAGE_FILTERS[0]), method.resnet_stem
    if not is_small(x):
        return conv_unit(x, Conv(filters, 7, 2, "stem"), unit, options.pad_values)
    without_pool = replace(unit, steps=tuple(step for step in unit.steps if step != "pool"))
    return conv_unit(x, Conv(filters, 3, 1, "stem"), method.small_resnet_stem or without_pool, options.pad_values)


def activate(x: Tensor, method: Method, name: str) -> Any:
    """The method's activation, if it has one."""
    return x if method.activation is None else apply_steps(x, (method.activation,), name)


def shortcut(x: Tensor, filters: int, strides: int, method: Method, name: str) -> Any:
    """The identity, or a full-precision 1x1 where the shape changes; there the stride is on a 2x2 average pool."""
    if x.shape[-1] == filters and strides == 1:
        return x
    if strides > 1 and method.shortcut != "strided":
        x = keras.layers.AveragePooling2D(2, strides=strides, padding="same", name=f"{name}_shortcut_pool")(x)
        strides = 1
    conv = Conv(filters, 1, strides, f"{name}_shortcut")
    if method.shortcut == "norm_first":
        return float_conv(apply_steps(x, ("norm", "relu"), conv.name), conv)
    return batch_norm(float_conv(x, conv), f"{conv.name}_bn")


def bottleneck(x: Tensor, filters: int, strides: int, method: Method, options: Options, name: str) -> Any:
    """1x1 reduce, 3x3, 1x1 expand to 4 * filters, and the residual sum."""
    on_reduce = strides if options.stride_on == "reduce" else 1
    convs = {
        "reduce": Conv(filters, 1, on_reduce, f"{name}_reduce"),
        "spatial": Conv(filters, 3, strides // on_reduce, f"{name}_spatial"),
        "expand": Conv(EXPANSION * filters, 1, 1, f"{name}_expand"),
    }
    y = x
    for role, conv in convs.items():
        y = conv_unit(y, conv, method.units[role], options.pad_values)
    if method.residual:
        y = keras.layers.Add(name=f"{name}_add")([y, shortcut(x, EXPANSION * filters, strides, method, name)])
    return activate(y, method, name)


def basic_block(x: Tensor, filters: int, strides: int, method: Method, options: Options, name: str) -> Any:
    """Two 3x3, each with its own shortcut (Bi-Real) or with one around both (He et al.)."""
    first, last = Conv(filters, 3, strides, f"{name}_first"), Conv(filters, 3, 1, f"{name}_last")
    if method.shortcut_per_conv:
        for conv, role, stride in ((first, "basic", strides), (last, "basic_last", 1)):
            y = conv_unit(x, conv, method.units[role], options.pad_values)
            y = keras.layers.Add(name=f"{conv.name}_add")([y, shortcut(x, filters, stride, method, conv.name)])
            x = activate(y, method, conv.name)
        return x
    y = conv_unit(x, first, method.units["basic"], options.pad_values)
    y = conv_unit(y, last, method.units["basic_last"], options.pad_values)
    y = keras.layers.Add(name=f"{name}_add")([y, shortcut(x, filters, strides, method, name)])
    return activate(y, method, name)


def resnet(image: Tensor, method: Method, options: Options, *, block: Block, depths: tuple[int, ...]) -> Any:
    """Stem and four stages; the first block of stages 2 to 4 has stride 2."""
    x = stem(image, method, options)
    for stage, (full, depth) in enumerate(zip(STAGE_FILTERS, depths, strict=True), start=1):
        for index in range(1, depth + 1):
            strides = 2 if stage > 1 and index == 1 else 1
            x = block(x, options.channels(full), strides, method, options, f"stage{stage}_block{index}")
    return apply_steps(x, method.head, "last")


def _variant(size: int, block: Block, depths: tuple[int, ...]) -> Backbone:
    roles = frozenset({"basic", "basic_last"} if block is basic_block else {"reduce", "spatial", "expand"})
    return Backbone(f"resnet{size}", f"ResNet{size}", roles, partial(resnet, block=block, depths=depths))


RESNETS = (
    _variant(18, basic_block, (2, 2, 2, 2)),
    _variant(26, bottleneck, (2, 2, 2, 2)),
    _variant(34, basic_block, (3, 4, 6, 3)),
    _variant(50, bottleneck, (3, 4, 6, 3)),
)
