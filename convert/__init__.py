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

from larq_el.convert.report import Report, inspect

if TYPE_CHECKING:
    from larq_el.convert.converter import Conversion, convert
    from larq_el.convert.loading import load_model
    from larq_el.convert.verification import Verification, verify

_HOMES = {
    "Conversion": "converter",
    "Verification": "verification",
    "convert": "converter",
    "load_model": "loading",
    "verify": "verification",
}

__all__ = ["Conversion", "Report", "Verification", "convert", "inspect", "load_model", "verify"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"larq_el.convert.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'larq_el.convert' has no attribute {name!r}; it has {', '.join(__all__)}")
