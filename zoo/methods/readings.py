"""Other readings of what the paper and its sources leave open, by names of their own.

The rows of the tables are in `compared` and `ablations`, each in the reading that docs/models.md gives reasons for. Of
these here nobody has published an accuracy.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from larq_el.zoo.methods.ablations import ABLATIONS
from larq_el.zoo.methods.base import STEM, Method, Unit
from larq_el.zoo.methods.compared import BASIC, BINARY, BOTTLENECK, COMPARED, FLOAT

ROWS = {method.name: method for method in (*COMPARED, *ABLATIONS)}


def _reading(
    of: str, suffix: str, summary: str, listed: tuple[str, ...], units: Mapping[str, Unit], **changes: Any
) -> Method:
    """A method whose units of some roles are others."""
    row, name = ROWS[of], f"{of}_{suffix}"
    changes |= {"units": {**row.units, **units}, "published": {}, "not_converged": (), "sources": {}}
    return replace(row, name=name, prefix=name, title="", summary=summary, listed=listed, source="a reading", **changes)


EL = ROWS["el"].units
RELU_LAST = ("conv", "norm", "relu", "link")

READINGS = (
    _reading(
        "el",
        "constant_k",
        "Elastic-Link whose K is a constant in the backward pass, as in BMXNet.",
        ("resnet26", "resnet50"),
        {"reduce": replace(EL["reduce"], constant_k=True)},
    ),
    _reading(
        "el",
        "relu_last",
        "Elastic-Link on MobileNet with ReLU between BatchNorm and the link, and none in the float parts.",
        ("mobilenet",),
        {
            "depthwise": replace(EL["depthwise"], steps=RELU_LAST),
            "pointwise": replace(EL["pointwise"], steps=RELU_LAST),
            **dict.fromkeys(("stem", "depthwise_down"), FLOAT),
        },
    ),
    *(
        _reading(
            f"el_{number}",
            "literal",
            f"EL_{number} of Table 2 with a sum around the 3x3 only where EL_i is ticked: here it has none.",
            ("resnet26",),
            {"spatial": BINARY},
        )
        for number in (1, 2)
    ),
    _reading(
        "bi_real",
        "one_shortcut",
        "Bi-Real net whose bottlenecks keep their residual shortcut alone, without a sum around the 3x3.",
        ("resnet26", "resnet50"),
        {"spatial": ROWS["bi_real"].units["reduce"]},
    ),
    _reading(
        "tbn",
        "delta_04",
        "TBN with a threshold of 0.4 mean|x|, told of the ECCV paper's networks and unconfirmed.",
        ("resnet18", "resnet34"),
        dict.fromkeys(BASIC, replace(ROWS["tbn"].units["basic"], delta=0.4)),
    ),
    _reading(
        "xnor",
        "norm_last",
        "XNOR-Net's K and alpha between convolution and BatchNorm, as in BMXNet's scaled ResNetV1.",
        ("resnet18",),
        dict.fromkeys((*BOTTLENECK, *BASIC), Unit(("conv", "k", "norm"), kernel_quantizer="magnitude_aware_sign")),
        resnet_stem=STEM,
        head=(),
    ),
)
