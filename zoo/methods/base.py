"""What a method is: for each role of a convolution, the unit that is built in its place.

The roles that a backbone may ask for are

    reduce, spatial, expand   the 1x1, 3x3 and 1x1 of a bottleneck
    basic, basic_last         the 3x3s of a basic block; "basic_last" is followed by the residual sum
    stem                      the first 3x3 of MobileNet
    depthwise, pointwise      its pairs; "depthwise_down" is a depthwise one with stride 2
    react, react_1x1          the 3x3 and the 1x1 of ReActNet; a 1x1 that doubles the channels is "react_double" in
                              ReActNet-A and "react_double_float" in ReActNet-C
"""

import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Unit:
    """One convolution and what stands around it, in the order of computation.

    # Attributes
        steps: names of `larq_el.zoo.unit.STEPS`: "conv"; "norm", BatchNorm;
            "link", the sum with the unit's real-valued input through SEI (equation 4); "link_alone", SEI in place of a
            convolution (Table 4); "pooled_sum", the sum with the average-pooled input (ReActNet);
            "k", the scale of the activations (equation 3); "gain", XNOR-Net++'s learned scale; "rescale",
            Real-to-Binary's data-driven one; "shift", ReActNet's learned threshold of the sign;
            "relu", "prelu" and "rprelu", activations.
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
        residual: whether blocks keep their residual shortcut.
        published: ImageNet top-1 in percent, by backbone.
        source: where in the paper.
        listed: backbones for which `list_models` names the method; None for all whose roles it knows.
    """

    name: str
    prefix: str
    title: str
    summary: str
    units: Mapping[str, Unit]
    shortcut: Literal["pooled", "strided"] = "pooled"
    shortcut_per_conv: bool = True
    activation: str | None = None
    residual: bool = True
    published: Mapping[str, float] = field(default_factory=lambda: types.MappingProxyType({}))
    source: str = "Table 3"
    listed: tuple[str, ...] | None = None
