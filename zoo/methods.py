"""Methods as data: what a convolution of each role is made of.

A row of the paper's tables is one entry of `METHODS`. The roles that a backbone may ask for are

    reduce, spatial, expand   the 1x1, 3x3 and 1x1 of a bottleneck
    basic, basic_last         the 3x3s of a basic block; "basic_last" is followed by the residual sum
"""

import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Unit:
    """One convolution and what stands around it, in the order of computation.

    # Attributes
        steps: names of `larq_el.zoo.unit.STEPS`: "conv"; "k", the scale of the activations (equation 3); "norm",
            BatchNorm; "relu"; "link", the sum with the unit's real-valued input (equation 4).
        conv: "binary" (both the input and the kernel are quantized) or "float".
        input_quantizer, kernel_quantizer: Larq's names, of a binary convolution.
        link: "plain" (without gamma), "fixed" (gamma keeps the value of equation 5) or "learned".
    """

    steps: tuple[str, ...] = ("conv", "norm")
    conv: Literal["binary", "float"] = "binary"
    input_quantizer: str = "ste_sign"
    kernel_quantizer: str = "ste_sign"
    link: Literal["plain", "fixed", "learned"] = "learned"


@dataclass(frozen=True)
class Method:
    """A way to binarize a backbone (or not to).

    # Attributes
        name: of `create_model(..., method=name)`.
        prefix: of the model's name, "" for full precision: "el" + "resnet26" is "el_resnet26".
        title: prefix of the public function's name: "EL" + "ResNet26".
        summary: one sentence for lists.
        units: the unit of each role.
        shortcut: the downsampling shortcut: "pooled" (2x2 average pool, then 1x1 in full precision, as the paper's)
            or "strided" (1x1 with stride 2, as He et al.).
        shortcut_per_conv: whether basic blocks have one shortcut around each convolution (Bi-Real) or around two.
        activation: Keras name of the activation of the stem and after the residual sum, or None.
        published: the paper's Table 3, backbone to ImageNet top-1 in percent.
    """

    name: str
    prefix: str
    title: str
    summary: str
    units: Mapping[str, Unit]
    shortcut: Literal["pooled", "strided"] = "pooled"
    shortcut_per_conv: bool = True
    activation: str | None = None
    published: Mapping[str, float] = field(default_factory=lambda: types.MappingProxyType({}))


_FLOAT = Unit(("conv", "norm"), conv="float")
_FLOAT_RELU = Unit(("conv", "norm", "relu"), conv="float")
_BINARY = Unit(("conv", "norm"))
_PLAIN_LINK = Unit(("conv", "norm", "link"), link="plain")
_BI_REAL = Unit(("conv", "norm"), input_quantizer="approx_sign", kernel_quantizer="magnitude_aware_sign")

_ALL = (
    Method(
        name="full_precision",
        prefix="",
        title="",
        summary="Full precision, with ReLU.",
        units={
            "reduce": _FLOAT_RELU,
            "spatial": _FLOAT_RELU,
            "expand": _FLOAT,
            "basic": _FLOAT_RELU,
            "basic_last": _FLOAT,
        },
        shortcut="strided",
        shortcut_per_conv=False,
        activation="relu",
        published={"resnet26": 72.5, "resnet50": 75.9, "resnet18": 69.3, "resnet34": 71.5},
    ),
    Method(
        name="bi_real",
        prefix="bi_real",
        title="BiReal",
        summary="Bi-Real net: ApproxSign, magnitude-aware weights; a bottleneck keeps its residual shortcut alone.",
        units=dict.fromkeys(("reduce", "spatial", "expand", "basic", "basic_last"), _BI_REAL),
        published={"resnet26": 57.8, "resnet50": 62.7, "resnet18": 56.4, "resnet34": 62.2},
    ),
    Method(
        name="s",
        prefix="s",
        title="S",
        summary="S-ResNet, the paper's baseline: plain STE, a shortcut around each bottleneck's 3x3 (Table 1, row 1).",
        units={"reduce": _BINARY, "spatial": _PLAIN_LINK, "expand": _BINARY},
        published={"resnet26": 58.7},
    ),
    Method(
        name="el",
        prefix="el",
        title="EL",
        summary="Elastic-Link (EL_6 of Table 2): links with a learned gamma on 1x1s, K on the reduction, plain STE.",
        units={
            "reduce": Unit(("conv", "k", "norm", "link")),
            "spatial": _PLAIN_LINK,
            "expand": Unit(("conv", "norm", "link")),
            # one shortcut a convolution is what Elastic-Link comes to where no width changes
            "basic": _BINARY,
            "basic_last": _BINARY,
        },
        published={"resnet26": 64.0, "resnet50": 65.6, "resnet18": 60.1, "resnet34": 63.2},
    ),
)

METHODS: Mapping[str, Method] = types.MappingProxyType({method.name: method for method in _ALL})
