"""What a method is: for each role of a convolution, the unit that is built in its place.

The roles that a backbone may ask for are

    reduce, spatial, expand   the 1x1, 3x3 and 1x1 of a bottleneck
    basic, basic_last         the 3x3s of a basic block; "basic_last" is followed by the residual sum
    stem                      the first 3x3 of MobileNet
    depthwise, pointwise      its pairs; "depthwise_down" is a depthwise one with stride 2
    mobi_3x3, mobi_1x1        the 3x3 and the 1x1 of MoBiNet; "mobi_3x3_skip" and "mobi_1x1_skip" are those that have a
                              shortcut
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
            "ternary_conv" and "abc_conv" for "conv" in TBN and ABC-Net; "interact", CI-Net's interacted bitcount;
            "link", the sum with the unit's real-valued input through SEI (equation 4); "link_alone", SEI in place of a
            convolution (Table 4); "pooled_sum", the sum with the average-pooled input (ReActNet);
            "k", the scale of the activations (equation 3); "gain", XNOR-Net++'s learned scale; "rescale",
            Real-to-Binary's data-driven one; "shift", ReActNet's learned threshold of the sign;
            "relu", "hard_tanh", "prelu" and "rprelu", activations.
        conv: "binary" (both the input and the kernel are quantized) or "float".
        input_quantizer, kernel_quantizer: Larq's names, of a binary convolution.
        weight_bases, activation_bases: ABC-Net's M and N.
        link: "plain" (without gamma), "fixed" (gamma keeps the value of equation 5) or "learned".
    """

    steps: tuple[str, ...] = ("conv", "norm")
    conv: Literal["binary", "float"] = "binary"
    input_quantizer: str = "ste_sign"
    kernel_quantizer: str = "ste_sign"
    weight_bases: int = 1
    activation_bases: int = 1
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
        shortcut: the downsampling shortcut: "pooled" (2x2 average pool, then 1x1 in full precision, as the paper's),
            "strided" (1x1 with stride 2, as He et al.) or "norm_first" (2x2 average pool, BatchNorm, ReLU, then 1x1).
        shortcut_per_conv: whether basic blocks have one shortcut around each convolution (Bi-Real) or around two.
        activation: Keras name of the activation of the stem and after the residual sum, or None.
        norm_last: whether BatchNorm and ReLU stand before the classifier, and not in the stem (pre-activation).
        residual: whether blocks keep their residual shortcut.
        published: ImageNet top-1 in percent, by backbone.
        source: where in the paper.
        sources: the same for backbones of which it is elsewhere.
        listed: backbones for which `list_models` names the method; None for all whose roles it knows.
    """

    name: str
    prefix: str
    title: str
    summary: str
    units: Mapping[str, Unit]
    shortcut: Literal["pooled", "strided", "norm_first"] = "pooled"
    shortcut_per_conv: bool = True
    activation: str | None = None
    norm_last: bool = False
    residual: bool = True
    published: Mapping[str, float] = field(default_factory=lambda: types.MappingProxyType({}))
    source: str = "Table 3"
    sources: Mapping[str, str] = field(default_factory=lambda: types.MappingProxyType({}))
    listed: tuple[str, ...] | None = None
