"""What would make a model faster, with what each change was measured or documented to gain.

Nothing of it is done unasked: all but the last needs another network, which has to be trained as such.
"""

from dataclasses import dataclass
from math import prod

import numpy as np

from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.graph import Graph, Operator
from larq_el.tflite.operators import BCONV, WORD, is_zero_padded

NATIVE_WORD = 64
"""Channels that our kernels take at once; LCE's take a `WORD`."""
LARGE = 1 << 14
"""Bytes of float weights that are worth a word."""
MEASURED = "(benchmarks/advice.py)"


@dataclass(frozen=True)
class Advice:
    """A change that would make a model faster.

    # Attributes
        change: what to do.
        layers: the convolutions and dense layers that it is about.
        gain: what that gains, and where it was measured.
    """

    change: str
    layers: tuple[str, ...]
    gain: str


def advice_for(flatbuffer: Flatbuffer, names: dict[tuple[int, int], str]) -> tuple[Advice, ...]:
    """Looks for what could be faster.

    # Arguments
        flatbuffer: the model.
        names: of its convolutions and dense layers, by their graphs and positions there.

    # Returns
        Only what is about any of these layers.
    """
    found = []
    for rule in (_padding, _relu, _channels, _float_rest):
        layers: list[str] = []
        for graph in flatbuffer.graphs:
            change, concerned, gain = rule(graph)
            places = ((graph.index, operator.index) for operator in concerned)
            layers.extend(names[place] for place in places if place in names)
        if layers:
            found.append(Advice(change, tuple(layers), gain))
    return tuple(found)


Found = tuple[str, list[Operator], str]


def _binary(graph: Graph) -> list[Operator]:
    return [operator for operator in graph.operators if operator.name == BCONV]


def _padding(graph: Graph) -> Found:
    def zero_padded(operator: Operator) -> bool:
        return is_zero_padded(operator) and prod(operator.input(1).shape[1:3]) > 1

    return (
        "pad with ones (pad_values=1) instead of zeros, which are no sign; near the borders that is another network",
        [operator for operator in _binary(graph) if zero_padded(operator)],
        "1.00 to 1.05 times as fast by LCE's indirect kernels and 1.08 to 1.18 times by larq_el.runtime on x86 "
        f"{MEASURED}; 0.1 of 22.4 ms on a Pixel 1 (larq/compute-engine#267)",
    )


def _relu(graph: Graph) -> Found:
    def relu_behind(operator: Operator) -> bool:
        output = operator.outputs[0]
        readers = graph.readers.get(output.index, [])
        return len(readers) == 1 and readers[0].name == "RELU" and output.index not in graph.outputs

    return (
        "put the ReLU directly behind the convolution and the BatchNorm behind it, with padding of ones or none: both "
        "are then part of the convolution",
        [operator for operator in _binary(graph) if relu_behind(operator)],
        "1.01 to 1.03 times as fast by LCE's indirect kernels and 1.06 to 1.14 times by larq_el.runtime on x86 "
        f"{MEASURED}; 1.0 of 22.4 ms on a Pixel 1 (larq/compute-engine#267)",
    )


def _channels(graph: Graph) -> Found:
    def ragged(operator: Operator) -> bool:
        return operator.options.get("channels_in", NATIVE_WORD) % NATIVE_WORD > 0

    return (
        f"give binary convolutions a multiple of {NATIVE_WORD} input channels, of {WORD} where LCE alone runs them: "
        "they are computed in words of so many, the rest of the last one for nothing",
        [operator for operator in _binary(graph) if ragged(operator)],
        f"1.2 to 1.4 times as fast by larq_el.runtime on x86 though there is more to compute, no gain by LCE's kernels "
        f"{MEASURED}; LCE's model optimization guide asks for multiples of {WORD}",
    )


def _float_rest(graph: Graph) -> Found:
    def in_float32(operator: Operator) -> bool:
        if operator.name not in ("CONV_2D", "FULLY_CONNECTED") or len(operator.inputs) < 2:
            return False
        weights = operator.input(1).data
        return weights is not None and weights.dtype == np.float32 and weights.nbytes >= LARGE

    return (
        "quantize what stayed in full precision (--float-ops int8), and look at what that costs (--samples)",
        [operator for operator in graph.operators if in_float32(operator)] if _binary(graph) else [],
        "EL-ResNet50 1.3 and EL-ResNet26 1.4 times as fast by larq_el.runtime on x86 (benchmarks/native_runtime.py), "
        "and a third of the size",
    )
