"""What a method is: for each role of a convolution, the unit that is built in its place.

The roles that a backbone may ask for are

    reduce, spatial, expand   the 1x1, 3x3 and 1x1 of a bottleneck
    basic, basic_last         the 3x3s of a basic block; "basic_last" is followed by the residual sum
    stem                      the first 3x3 of MobileNet; that of the ResNets is `Method.resnet_stem`
    depthwise, pointwise      its pairs; "depthwise_down" is a depthwise one with stride 2
    mobi_3x3, mobi_1x1        the 3x3 and the 1x1 of MoBiNet; "mobi_3x3_skip" and "mobi_1x1_skip" are those that have a
                              shortcut
    stream                    each binary convolution of Bi-Real net's ResNet-50 of two streams
    react, react_1x1          the 3x3 and the 1x1 of ReActNet; a 1x1 that doubles the channels is "react_double" in
                              ReActNet-A and "react_double_float" in ReActNet-C
"""

import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Unit:
    """One convolution and what stands around it, in the order of computation.

    # Attributes
        steps: names of `larq_el.zoo.steps.STEPS`, each a function that says what it computes.
        conv: "binary" (both the input and the kernel are quantized) or "float".
        input_quantizer, kernel_quantizer: Larq's names, of a binary convolution, or names of
            `larq_el.zoo.steps.convs.QUANTIZERS`.
        kernel_constraint: of the latent weights, Larq's name or a name of `larq_el.zoo.steps.convs.CONSTRAINTS`.
        latent_initializer: of the real-valued weights behind a binary convolution's signs, a Keras initializer.
        constant_k: whether K is a constant in the backward pass.
        weight_bases, activation_bases: ABC-Net's M and N.
        delta: TBN's threshold as a part of mean|x|.
        link: "plain" (without gamma), "fixed" (gamma keeps the value of equation 5) or "learned".
    """

    steps: tuple[str, ...] = ("conv", "norm")
    conv: Literal["binary", "float"] = "binary"
    input_quantizer: str = "ste_sign"
    kernel_quantizer: str = "ste_sign"
    kernel_constraint: str = "weight_clip"
    latent_initializer: Any = "glorot_uniform"
    constant_k: bool = False
    weight_bases: int = 1
    activation_bases: int = 1
    delta: float = 0.5
    link: Literal["plain", "fixed", "learned"] = "learned"


STEM = Unit(("conv", "norm", "pool"), conv="float")
"""The ResNets' stem; most binary networks have no activation in it."""


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
        resnet_stem: the first convolution of the ResNets, with what stands around it; small images get it without
            its "pool".
        small_resnet_stem: the same for small images, where they get another one.
        activation: the step after the residual sum, or None.
        head: steps between the last block and the global pooling.
        residual: whether blocks keep their residual shortcut.
        published: ImageNet top-1 in percent, by backbone.
        not_converged: backbones for which the paper reports "Not Converge" in the place of a top-1.
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
    resnet_stem: Unit = STEM
    small_resnet_stem: Unit | None = None
    activation: str | None = None
    head: tuple[str, ...] = ()
    residual: bool = True
    published: Mapping[str, float] = field(default_factory=lambda: types.MappingProxyType({}))
    not_converged: tuple[str, ...] = ()
    source: str = "Table 3"
    sources: Mapping[str, str] = field(default_factory=lambda: types.MappingProxyType({}))
    listed: tuple[str, ...] | None = None
