"""The methods of the paper's Table 3, and the baseline of its Table 1."""

from larq_el.zoo.methods.base import Method, Unit

FLOAT = Unit(("conv", "norm"), conv="float")
FLOAT_RELU = Unit(("conv", "norm", "relu"), conv="float")
BINARY = Unit(("conv", "norm"))
SCALED = Unit(("conv", "k", "norm"))
PLAIN_LINK = Unit(("conv", "norm", "link"), link="plain")
LINK = Unit(("conv", "norm", "link"))
SCALED_LINK = Unit(("conv", "k", "norm", "link"))

BOTTLENECK = ("reduce", "spatial", "expand")
BASIC = ("basic", "basic_last")

S = Method(
    name="s",
    prefix="s",
    title="S",
    summary="S-ResNet, the paper's baseline: plain STE, a shortcut around each bottleneck's 3x3.",
    units={"reduce": BINARY, "spatial": PLAIN_LINK, "expand": BINARY},
    published={"resnet26": 58.7},
    source="Table 1",
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
    },
    published={"resnet26": 64.0, "resnet50": 65.6, "resnet18": 60.1, "resnet34": 63.2},
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
        },
        shortcut="strided",
        shortcut_per_conv=False,
        activation="relu",
        published={"resnet26": 72.5, "resnet50": 75.9, "resnet18": 69.3, "resnet34": 71.5},
    ),
    Method(
        name="xnor",
        prefix="xnor",
        title="XNOR",
        summary="XNOR-Net: K and alpha on every convolution, one residual shortcut a block.",
        units=dict.fromkeys(
            (*BOTTLENECK, *BASIC), Unit(("conv", "k", "norm"), kernel_quantizer="magnitude_aware_sign")
        ),
        shortcut_per_conv=False,
        published={"resnet26": 52.1, "resnet50": 54.2, "resnet18": 51.2, "resnet34": 53.2},
    ),
    Method(
        name="bi_real",
        prefix="bi_real",
        title="BiReal",
        summary="Bi-Real net: ApproxSign, magnitude-aware weights; a bottleneck keeps its residual shortcut alone.",
        units=dict.fromkeys(
            (*BOTTLENECK, *BASIC),
            Unit(("conv", "norm"), input_quantizer="approx_sign", kernel_quantizer="magnitude_aware_sign"),
        ),
        published={"resnet26": 57.8, "resnet50": 62.7, "resnet18": 56.4, "resnet34": 62.2},
    ),
    Method(
        name="binary_e",
        prefix="binary_e",
        title="BinaryE",
        summary="BinaryE (Bethge et al.): plain STE, no scaling, one shortcut a basic convolution.",
        units=dict.fromkeys((*BOTTLENECK, *BASIC), BINARY),
        published={"resnet26": 57.9, "resnet50": 61.2, "resnet18": 56.7, "resnet34": 59.5},
    ),
    S,
    EL,
)
