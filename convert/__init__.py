"""From Keras to Larq Compute Engine flatbuffers, with a report of what became binary and a check that nothing was lost.

`inspect` needs no TensorFlow; `convert` and `verify` load it when they are first used.
"""

if __name__ != "larq_el.convert":
    raise ImportError(
        f"this package is larq_el.convert and was imported as {__name__!r}, which would register its Keras objects "
        "twice: write `from larq_el import convert`."
    )

import importlib
from typing import TYPE_CHECKING, Any

from larq_el.convert.report.report import Report
from larq_el.convert.report.structure import inspect

if TYPE_CHECKING:
    from larq_el.convert.converter import Conversion, convert
    from larq_el.convert.verification.differences import Verification
    from larq_el.convert.verification.verify import verify
    from larq_el.models.loading import load_model

_HOMES = {
    "Conversion": "convert.converter",
    "Verification": "convert.verification.differences",
    "convert": "convert.converter",
    "load_model": "models.loading",
    "verify": "convert.verification.verify",
}

__all__ = ["Conversion", "Report", "Verification", "convert", "inspect", "load_model", "verify"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"larq_el.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'larq_el.convert' has no attribute {name!r}; it has {', '.join(__all__)}")
