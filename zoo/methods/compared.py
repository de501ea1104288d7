"""The methods of the paper's Table 3, and the baseline of its Table 1."""

from dataclasses import replace

from larq_el.zoo.methods.base import STEM, Method, Unit

FLOAT = Unit(("conv", "norm"), conv="float")
FLOAT_RELU = Unit(("conv", "norm", "relu"), conv="float")
BINARY = Unit(("conv", "norm"))
SCALED = Unit(("conv", "k", "norm"))
PLAIN_LINK = Unit(("conv", "norm", "link"), link="plain")
LINK = Unit(("conv", "norm", "link"))
SCALED_LINK = Unit(("conv", "k", "norm", "link"))

BOTTLENECK = ("reduce", "spatial", "expand")
BASIC = ("basic", "basic_last")

FLOAT_RELU_FIRST = Unit(("conv", "relu", "norm"), conv="float")
RELU_LINK = Unit(("conv", "relu", "norm", "link"))
MOBILENET_ENDS = {"stem": FLOAT_RELU_FIRST, "depthwise_down": FLOAT_RELU_FIRST}
"""What stays in full precision in a binarized MobileNet; ReLU stands before BatchNorm, so that signs can be -1."""
MOBILENET_BINARY, MOBILENET_FLOAT = ("depthwise", "pointwise"), ("stem", "depthwise_down")

STEM_RELU = replace(STEM, steps=("conv", "norm", "relu", "pool"))
STEM_PRELU = replace(STEM, steps=("conv", "norm", "prelu", "pool"))
NORM_RELU = ("norm", "relu")
"""The head of networks whose units begin with BatchNorm."""

XNOR = Unit(("norm", "conv", "k"), kernel_quantizer="magnitude_aware_sign", kernel_constraint="centred_weight_clip")
ABC = Unit(("abc_conv", "norm"))

BI_REAL = Unit(("conv", "norm"), input_quantizer="approx_sign", kernel_quantizer="alpha_sign")
BI_REAL_LINK = replace(BI_REAL, steps=("conv", "norm", "pooled_sum"))
REACT = replace(BI_REAL, steps=("shift", "conv", "norm", "pooled_sum", "rprelu"))
REACT_DOUBLE = replace(BI_REAL, steps=("shift", "conv", "norm", "link", "rprelu"), link="plain")
REACT_DOUBLE_FLOAT = Unit(("conv", "norm", "link", "rprelu"), conv="float", link="plain")

REAL_TO_BINARY = Unit(("norm", "conv", "rescale", "prelu"))
REAL_TO_BINARY_LINK = Unit((*REAL_TO_BINARY.steps, "link"))
REAL_TO_BINARY_PLAIN_LINK = replace(REAL_TO_BINARY_LINK, link="plain")
REAL_TO_BINARY_MOBILENET = {
    "stem": Unit(("conv", "norm", "prelu"), conv="float"),
    "depthwise": REAL_TO_BINARY_PLAIN_LINK,
    "depthwise_down": Unit(("conv", "norm", "prelu"), conv="float"),
}

CI = Unit(("conv", "interact", "norm"))
MOBI = Unit(("conv", "prelu", "norm"))
MOBI_SKIP = replace(MOBI, steps=(*MOBI.steps, "pooled_sum"))

S = Method(
    name="s",
    prefix="s",
    title="S",
    summary="S-ResNet, the paper's baseline: plain STE, a shortcut around each bottleneck's 3x3.",
    units={"reduce": BINARY, "spatial": PLAIN_LINK, "expand": BINARY},
    published={"resnet26": 58.7},
    source="Table 1",
    sources={"resnet50": "not in the paper"},
)

EL = Method(
    name="el",
    prefix="el",
    title="EL",
    summary="Elastic-Link: links with a learned gamma on 1x1s, K on the reduction, plain STE.",
    units={
        "reduce": SCALED_LINK,
        "spatial": PLAIN_LINK,
        "expand": LINK,
        # one shortcut a convolution is what Elastic-Link comes to where no width changes
        **dict.fromkeys(BASIC, BINARY),
        **MOBILENET_ENDS,
        "depthwise": replace(RELU_LINK, link="plain"),
        "pointwise": RELU_LINK,
        "react": REACT,
        "react_1x1": REACT,
        "react_double": replace(REACT_DOUBLE, link="learned"),
        "react_double_float": replace(REACT_DOUBLE_FLOAT, link="learned"),
    },
    published={
        "resnet26": 64.0,
        "resnet50": 65.6,
        "mobilenet": 56.4,
        "resnet18": 60.1,
        "resnet34": 63.2,
        "reactnet_c": 71.9,
    },
    sources={"reactnet_a": "not in the paper", "reactnet_c": "text"},
)

COMPARED = (
    Method(
        name="full_precision",
        prefix="",
        title="",
        summary="Full precision, with ReLU.",
        units={
            "reduce": FLOAT_RELU,
            "spatial": FLOAT_RELU,
            "expand": FLOAT,
            "basic": FLOAT_RELU,
            "basic_last": FLOAT,
            **dict.fromkeys(("stem", "depthwise", "depthwise_down", "pointwise"), FLOAT_RELU),
        },
        shortcut="strided",
        shortcut_per_conv=False,
        resnet_stem=STEM_RELU,
        activation="relu",
        published={"resnet26": 72.5, "resnet50": 75.9, "mobilenet": 70.6, "resnet18": 69.3, "resnet34": 71.5},
    ),
    Method(
        name="xnor",
        prefix="xnor",
        title="XNOR",
        summary="XNOR-Net: BatchNorm first, K and alpha on every convolution, one residual shortcut a block.",
        units={
            **dict.fromkeys((*BOTTLENECK, *BASIC, "pointwise"), XNOR),
            # a filter of one channel: K would be that channel's own magnitude, and centred weights would be zeros
            "depthwise": replace(XNOR, steps=("norm", "conv"), kernel_constraint="weight_clip"),
            **dict.fromkeys(MOBILENET_FLOAT, FLOAT_RELU),
        },
        resnet_stem=STEM_RELU,
        shortcut_per_conv=False,
        head=NORM_RELU,
        published={"resnet26": 52.1, "resnet50": 54.2, "resnet18": 51.2, "resnet34": 53.2},
        not_converged=("mobilenet",),
    ),
    Method(
        name="abc",
        prefix="abc",
        title="ABC",
        summary="ABC-Net with one weight base and one activation base: centred weights, a learned shift and scale.",
        units={
            **dict.fromkeys((*BOTTLENECK, *BASIC, *MOBILENET_BINARY), ABC),
            **dict.fromkeys(MOBILENET_FLOAT, FLOAT),
        },
        shortcut_per_conv=False,
        published={"resnet26": 45.2, "resnet50": 52.9, "resnet18": 42.7, "resnet34": 52.4},
        not_converged=("mobilenet",),
    ),
    Method(
        name="abc_3x3",
        prefix="abc_3x3",
        title="ABC3x3",
        summary="ABC-Net with three weight bases and three activation bases: nine binary convolutions for one.",
        units=dict.fromkeys((*BOTTLENECK, *BASIC), replace(ABC, weight_bases=3, activation_bases=3)),
        shortcut_per_conv=False,
        source="the ABC-Net paper",
        listed=("resnet18",),
    ),
    Method(
        name="tbn",
        prefix="tbn",
        title="TBN",
        summary="TBN: ternary activations (two binary convolutions), BatchNorm first, one residual shortcut a block.",
        units=dict.fromkeys(BASIC, Unit(("norm", "ternary_conv"), kernel_quantizer="alpha_sign_unclipped")),
        shortcut="norm_first",
        shortcut_per_conv=False,
        resnet_stem=replace(STEM, steps=("conv", "pool")),
        head=NORM_RELU,
        published={"resnet18": 55.6, "resnet34": 58.2},
    ),
    Method(
        name="bi_real",
        prefix="bi_real",
        title="BiReal",
        summary="Bi-Real net: ApproxSign, weights times alpha, a shortcut around each 3x3.",
        units={
            **dict.fromkeys(("reduce", "expand", *BASIC, "pointwise", "stream"), BI_REAL),
            **dict.fromkeys(("spatial", "depthwise"), BI_REAL_LINK),
            **dict.fromkeys(MOBILENET_FLOAT, FLOAT),
        },
        published={
            "resnet26": 57.8,
            "resnet50": 62.7,
            "resnet18": 56.4,
            "resnet34": 62.2,
            "two_stream_resnet50": 62.6,
        },
        not_converged=("mobilenet",),
        sources={"two_stream_resnet50": "its authors' repository"},
    ),
    Method(
        name="binary_e",
        prefix="binary_e",
        title="BinaryE",
        summary="BinaryE (Bethge et al.): plain STE, no scaling, a shortcut around each 3x3; its own stem and head.",
        units={
            **dict.fromkeys((*BOTTLENECK, *BASIC, *MOBILENET_BINARY), BINARY),
            "stem": Unit(("image_norm", "conv", "norm", "relu", "second_norm"), conv="float"),
            "depthwise_down": FLOAT,
        },
        resnet_stem=replace(STEM, steps=("image_norm", "conv", "norm", "relu", "pool", "second_norm")),
        small_resnet_stem=replace(STEM, steps=("image_norm", "conv")),
        head=("relu",),
        published={"resnet26": 57.9, "resnet50": 61.2, "resnet18": 56.7, "resnet34": 59.5},
        not_converged=("mobilenet",),
    ),
    Method(
        name="xnor_plus_plus",
        prefix="xnor_plus_plus",
        title="XNORPlusPlus",
        summary="XNOR-Net++: a scale learned over channels, rows and columns, PReLU, BatchNorm first.",
        units=dict.fromkeys((*BOTTLENECK, *BASIC), Unit(("norm", "conv", "gain", "prelu"))),
        shortcut_per_conv=False,
        published={"resnet18": 57.1},
        listed=("resnet18",),
    ),
    Method(
        name="ci_net",
        prefix="ci_net",
        title="CINet",
        summary="CI-Net: pairs of channels, mined in training, correct the integer output; see docs/methods/ci_net.md.",
        units={"basic": replace(CI, steps=(*CI.steps, "hard_tanh")), "basic_last": CI},
        shortcut_per_conv=False,
        resnet_stem=replace(STEM, steps=("conv", "norm", "hard_tanh", "pool")),
        activation="hard_tanh",
        published={"resnet18": 56.7, "resnet34": 62.4},
    ),
    Method(
        name="mobi",
        prefix="",
        title="",
        summary="MoBiNet: a binary MobileNet with shortcuts where the width stays; see docs/methods/mobinet.md.",
        units={
            "stem": Unit(("conv", "norm", "prelu"), conv="float"),
            **dict.fromkeys(("mobi_3x3", "mobi_1x1"), MOBI),
            **dict.fromkeys(("mobi_3x3_skip", "mobi_1x1_skip"), MOBI_SKIP),
        },
        published={"mobinet_mid": 54.4},
        source="the MoBiNet paper",
        sources={"mobinet_mid": "Table 3"},
    ),
    S,
    EL,
    Method(
        name="real_to_bin",
        prefix="real_to_bin",
        title="RealToBin",
        summary="Real-to-Binary: BatchNorm first, data-driven scale of channels, PReLU, shortcuts where widths agree.",
        units={
            **dict.fromkeys((*BASIC, "reduce", "expand", "pointwise"), REAL_TO_BINARY),
            "spatial": REAL_TO_BINARY_PLAIN_LINK,
            **REAL_TO_BINARY_MOBILENET,
        },
        resnet_stem=STEM_PRELU,
        published={"resnet26": 64.8, "resnet50": 65.9, "mobilenet": 54.8, "resnet18": 65.4, "resnet34": 66.1},
    ),
    Method(
        name="el_dagger",
        prefix="el_dagger",
        title="ELDagger",
        summary="Elastic-Link with Real-to-Binary's units: links with a learned gamma on 1x1s, its scale instead of K.",
        units={
            **dict.fromkeys(BASIC, REAL_TO_BINARY),
            "spatial": REAL_TO_BINARY_PLAIN_LINK,
            **dict.fromkeys(("reduce", "expand", "pointwise"), REAL_TO_BINARY_LINK),
            **REAL_TO_BINARY_MOBILENET,
        },
        resnet_stem=STEM_PRELU,
        published={"resnet26": 67.1, "resnet50": 68.9, "mobilenet": 61.2, "resnet18": 65.7, "resnet34": 66.5},
    ),
    Method(
        name="react_basic",
        prefix="react",
        title="ReAct",
        summary="ReActNet's ResNet: Bi-Real net with learned thresholds of signs, and RPReLU after each sum.",
        units=dict.fromkeys(BASIC, replace(REACT, steps=("shift", "conv", "norm"))),
        activation="rprelu",
        published={"resnet18": 65.9},
        source="the ReActNet paper",
        listed=("resnet18",),
    ),
    Method(
        name="react",
        prefix="",
        title="",
        summary="ReActNet: learned thresholds of signs and PReLUs, duplicated activations where the channels double.",
        units={
            **dict.fromkeys(("react", "react_1x1"), REACT),
            "react_double": REACT_DOUBLE,
            "react_double_float": REACT_DOUBLE_FLOAT,
        },
        published={"reactnet_a": 69.5, "reactnet_c": 71.4},
        source="text",
        sources={"reactnet_a": "its authors' repository"},
    ),
)
