"""Which tensor of a flatbuffer each Keras layer's output is, and what it is computed from."""

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from larq_el._keras import Layer, keras, tf
from larq_el.convert.matching import match
from larq_el.convert.report.structure import structure
from larq_el.convert.verification.keras_calls import Call
from larq_el.introspection import convolutions
from larq_el.layers import ActivationShifts
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.graph import Operator, Tensor
from larq_el.tflite.operators import DEQUANTIZE, QUANTIZE

MOST_INPUTS = 3
"""Of a layer whose inputs are tried in every order."""
_LAYERS = keras.layers
FUSED = _LAYERS.BatchNormalization | _LAYERS.Activation | _LAYERS.ReLU | _LAYERS.Rescaling | ActivationShifts
"""What the converter may fuse into the layer before it, besides TensorFlow's functions of one tensor."""
FUNCTION = "TFOpLambda"
"""Keras's class of such functions, which it does not export."""


@dataclass(frozen=True)
class Pair:
    """A call of a Keras layer and where it is in the flatbuffer.

    # Attributes
        layer: the Keras layer.
        output: the flatbuffer's tensor.
        sources: the tensors that the layer computes from, before its sign; none where there are none of real numbers.
            Several of one layer come in the flatbuffer's order, which need not be the layer's.
        chains: for each call of the layer, as a shared one may be any of them: its position among the model's calls
            and the call, then those of what may be fused into it.
        linear: a twin of a layer with an activation of its own, without that; None for others.
        quantized: whether the flatbuffer computes it from, or to, quantized numbers.
    """

    layer: Layer
    output: int
    sources: list[int]
    chains: list[dict[int, Call]]
    linear: Any
    quantized: bool

    @property
    def tensors(self) -> list[int]:
        """The flatbuffer's tensors that are compared or computed from."""
        return [self.output, *self.sources]

    @property
    def count(self) -> int:
        """Number of candidates."""
        return sum(len(chain) + (self.linear is not None) for chain in self.chains)

    def candidates(self, calls: list[Call]) -> list[np.ndarray]:
        """What `output` may be: the values that Keras computes from the image.

        # Arguments
            calls: of the model, for a batch.
        """
        values: list[Any] = []
        for chain in self.chains:
            values.extend(calls[at].output for at in chain)
            if self.linear is not None:
                values.append(self.linear(calls[next(iter(chain))].inputs))
        return [np.asarray(value) for value in values]

    def alone(self, sources: list[np.ndarray]) -> list[np.ndarray]:
        """The values of `candidates` that Keras computes from the flatbuffer's input to the layer.

        Of a layer with several inputs, for each order of them.
        """
        values: list[Any] = []
        for order in permutations(sources):
            inputs = list(order) if len(order) > 1 else order[0]
            for chain in self.chains:
                value = inputs
                for call in chain.values():
                    value = call.of(value)
                    values.append(value)
                if self.linear is not None:
                    values.append(self.linear(inputs))
        return [np.asarray(value) for value in values]


def pairs_of(calls: list[Call], content: Flatbuffer) -> list[Pair]:
    """The layers whose values the flatbuffer has, in the order of execution; a shared one at each of its calls.

    # Arguments
        calls: all those of the Keras model, for a batch of any size.
        content: its conversion.
    """
    found = match([call.layer for call in calls], content, structure(content))
    readers: dict[int, list[int]] = {}
    for at, call in enumerate(calls):
        for tensor in tf.nest.flatten(call.inputs):
            readers.setdefault(id(tensor), []).append(at)
    pairs = []
    main = {node: layer for (graph, node), layer in found.items() if graph == 0}
    for layer, operators in _grouped(main, content):
        tensor = _output(operators, content)
        if tensor.holds_reals and tensor.index not in content.outputs:
            starts = [at for at, call in enumerate(calls) if call.layer is layer]
            inputs = [calls[at].inputs for at in starts]
            chains = [_chain(at, calls, readers) for at in starts]
            sources, linear = _sources(operators, inputs, content), _linear(layer, inputs[0])
            pairs.append(Pair(layer, tensor.index, sources, chains, linear, _is_quantized(operators)))
    return pairs


def _is_quantized(operators: list[Operator]) -> bool:
    return any(
        tensor is not None and (tensor.dtype == "int8" or tensor.scale is not None)
        for operator in operators
        for tensor in (*operator.inputs, *operator.outputs)
    )


def _grouped(found: dict[int, Any], content: Flatbuffer) -> list[tuple[Any, list[Operator]]]:
    """The operators of each call of a layer: one, or as many as add up."""
    groups: list[tuple[Any, list[Operator]]] = []
    latest: dict[int, list[Operator]] = {}
    for node, layer in sorted(found.items()):
        group = latest.get(id(layer))
        if group is None or len(group) == convolutions(layer):
            group = latest[id(layer)] = []
            groups.append((layer, group))
        group.append(content.operators[node])
    return groups


def _output(operators: list[Operator], content: Flatbuffer) -> Tensor:
    """What a layer's operators give: of several, which add up, the first tensor that all of them lead to."""
    if len(operators) == 1:
        return operators[0].outputs[0]
    starts = {operator.outputs[0].index: {at} for at, operator in enumerate(operators)}
    for operator in content.operators:
        reached = set().union(*(starts.get(tensor.index, set()) for tensor in operator.inputs if tensor is not None))
        if len(reached) == len(operators):
            return operator.outputs[0]
        for tensor in operator.outputs:
            starts.setdefault(tensor.index, reached)
    return operators[-1].outputs[0]


def _sources(operators: list[Operator], inputs: list[Any], content: Flatbuffer) -> list[int]:
    """The real-valued tensors that the layer's own signs are taken of, or that a layer without a sign reads.

    None where one of the layer's inputs is not in the flatbuffer, or where there are too many to try all orders.
    """
    shapes = {tuple(tensor.shape[1:]) for tensor in tf.nest.flatten(inputs)}
    count = len(tf.nest.flatten(inputs[0]))
    sources: dict[int, None] = {}
    for operator in operators:
        tensor = operator.input(0)
        for name in (DEQUANTIZE, QUANTIZE):
            producer = content.producers.get(tensor.index)
            if producer is not None and producer.name == name:
                tensor = producer.input(0)
        if tensor.holds_reals and tensor.shape[1:] in shapes:
            sources[tensor.index] = None
    return list(sources) if len(sources) == count <= MOST_INPUTS else []


def _chain(at: int, calls: list[Call], readers: dict[int, list[int]]) -> dict[int, Call]:
    """A call, and those of BatchNorms, activations and constants behind it, as long as there is one way on."""
    chain = {at: calls[at].alone}
    while len(onward := readers.get(id(calls[at].output), [])) == 1:
        at = onward[0]
        others = tf.nest.flatten([calls[at].others, calls[at].options])
        alone = not any(map(tf.is_tensor, others)) and not isinstance(calls[at].output, list | tuple)
        fused = isinstance(calls[at].layer, FUSED) or type(calls[at].layer).__name__ == FUNCTION
        if not fused or not alone:
            break
        chain[at] = calls[at].alone
    return chain


def _linear(layer: Layer, inputs: Any) -> Any:
    """A layer's twin without its activation, which may be an operator of its own in the flatbuffer."""
    if getattr(layer, "activation", keras.activations.linear) is keras.activations.linear:
        return None
    twin = type(layer).from_config({**layer.get_config(), "activation": None, "name": f"{layer.name}_linear"})
    twin(inputs)  # builds it
    twin.set_weights(layer.get_weights())
    return twin
