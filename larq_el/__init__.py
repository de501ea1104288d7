"""larq_el: binarized neural networks with Elastic-Link, from definition to device.

Importing this package loads no TensorFlow; each part loads what it needs when it is first used:

    binarize             makes any Keras model binary
    layers, quantizers   Keras layers: `larq_el.layers.ElasticLink`
    zoo                  models by name: `larq_el.zoo.ELResNet26`
    complexity           parameters, operations and bytes of a model
    data                 data sets and preprocessing
    training             data, recipes and the training loop
    convert              Larq Compute Engine flatbuffers, reports and checks
    runtime              inference in a stock LiteRT runtime, with native kernels (needs no TensorFlow)
    benchmark            latency on this machine
"""

from importlib import import_module as _import_module
from typing import Any as _Any

from larq_el._version import __version__

_PARTS = ("benchmark", "complexity", "convert", "data", "layers", "quantizers", "runtime", "training", "zoo")

__all__ = ["__version__", "binarize", *_PARTS]


def __getattr__(name: str) -> _Any:
    if name == "binarize":
        return _import_module("larq_el.binarizing").binarize
    if name in _PARTS:
        return _import_module(f"larq_el.{name}")
    raise AttributeError(f"module 'larq_el' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
