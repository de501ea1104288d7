"""How long the parts of a model take."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from larq_el.runtime.delegate import read_profile
from larq_el.tables import Parts, Shown, Table


@dataclass(frozen=True)
class NodeTime:
    """One operator of the native delegate, with what is computed with it.

    # Attributes
        operator: such as "LceBconv2d"; "Rows" are sums and products without a convolution.
        layers: the Keras layers that it computes, in order.
        milliseconds: of one run, the mean.
    """

    operator: str
    layers: tuple[str, ...]
    milliseconds: float


@dataclass(frozen=True)
class Profile(Shown):
    """The time of an inference.

    # Attributes
        nodes: the native delegate's operators, in the order of execution.
        stock_ms: milliseconds of the rest, which the stock runtime computes.
        total_ms: of the whole inference.
    """

    nodes: tuple[NodeTime, ...]
    stock_ms: float
    total_ms: float

    def parts(self) -> Parts:
        """A table, which `print(profile)` shows, and a notebook."""
        rows = [
            [node.operator, ", ".join(node.layers), f"{node.milliseconds:.3f}", self._share(node.milliseconds)]
            for node in self.nodes
        ]
        rest = ["the stock runtime's", "", f"{self.stock_ms:.3f}", self._share(self.stock_ms)]
        rows += [rest, ["in all", "", f"{self.total_ms:.3f}", "100.0%"]]
        yield Table("One inference", ["operator", "layers", "ms", "share"], rows)

    def _share(self, milliseconds: float) -> str:
        return f"{milliseconds / self.total_ms:.1%}"


def measure(invoke: Callable[[], Any], delegate: Any, runs: int) -> Profile:
    """Profiles an interpreter whose delegate was loaded with `profile="on"`.

    # Arguments
        invoke: runs one inference.
        delegate: the delegate.
        runs: inferences to take the mean of, after one that is not counted.
    """
    invoke()
    read_profile(delegate)
    start = time.perf_counter()
    for _ in range(runs):
        invoke()
    total = 1e3 * (time.perf_counter() - start) / runs
    nodes = tuple(_node(line) for line in read_profile(delegate).splitlines())
    return Profile(nodes, max(0.0, total - sum(node.milliseconds for node in nodes)), total)


def _node(line: str) -> NodeTime:
    label, runs, seconds = line.split("\t")
    operator, *tensors = label.split(" ")
    # a tensor is called model/layer/operation; the converter joins the names of what it fused by semicolons
    layers = dict.fromkeys(
        parts[1] if len(parts) > 1 else parts[0] for name in tensors for parts in [name.split(";")[0].split("/")]
    )
    return NodeTime(operator, tuple(layers), 1e3 * float(seconds) / int(runs))
