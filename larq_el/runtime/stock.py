"""The stock runtime: LiteRT, or TensorFlow Lite where only TensorFlow is installed."""

import importlib
from importlib.util import find_spec
from typing import Any

from larq_el.errors import UserError

SOURCES = ("ai_edge_litert.interpreter", "tensorflow.lite.python.interpreter")
"""Modules with an `Interpreter` and a `load_delegate`, the preferred one first."""


def stock_runtime() -> Any:
    """The module of the stock runtime.

    # Raises
        ValueError: where none is installed.
    """
    for source in SOURCES:
        if find_spec(source.split(".")[0]) is not None:
            return importlib.import_module(source)
    raise UserError("no runtime is installed: install one with `pip install ai-edge-litert`.")
