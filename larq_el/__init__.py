"""larq_el: binarized neural networks with Elastic-Link, from definition to device.

Importing this package loads no TensorFlow; each part loads what it needs when it is first used:

    layers, quantizers   Keras layers: `larq_el.layers.ElasticLink`
    zoo                  models by name: `larq_el.zoo.ELResNet26`
    complexity           parameters, operations and bytes of a model
    training             data, recipes and the training loop
    convert              Larq Compute Engine flatbuffers, reports and checks
    runtime              inference in a stock LiteRT runtime, with native kernels (needs no TensorFlow)
    benchmark            latency on this machine
"""

import importlib
from types import ModuleType

from larq_el._version import __version__

_PARTS = ("benchmark", "complexity", "convert", "layers", "runtime", "training", "zoo")

__all__ = ["__version__", *_PARTS]


def __getattr__(name: str) -> ModuleType:
    if name in _PARTS:
        return importlib.import_module(f"larq_el.{name}")
    raise AttributeError(f"module 'larq_el' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PARTS])
