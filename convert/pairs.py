"""Which tensor of a flatbuffer each Keras layer's output is, and what it is computed from."""

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from larq_el._keras import keras, tf
from larq_el.convert.flatbuffer import Flatbuffer, Operator, Tensor
from larq_el.convert.matching import match
from larq_el.convert.report import structure
from larq_el.layers import ActivationShifts

MOST_INPUTS = 3
"""Of a layer whose inputs are tried in every order."""


@dataclass(frozen=True)
class Pair:
    """A Keras layer and where it is in the flatbuffer.

    # Attributes
        layer: the Keras layer.
        output: the flatbuffer's tensor.
        sources: the tensors that the layer computes from, before its sign; none where there are none in float32.
            Several of one layer come in the flatbuffer's order, which need not be the layer's.
        followers: BatchNorms and activations behind the layer, any of which may be fused into it in the flatbuffer.
        linear: a twin of a layer with an activation of its own, without that; None for others.
    """

    layer: Any
    output: int
    sources: list[int]
    followers: list[Any]
    linear: Any

    @property
    def tensors(self) -> list[int]:
        """The flatbuffer's tensors that are compared or computed from."""
        return [self.output, *self.sources]

    @property
    def candidates(self) -> list[Any]:
        """The Keras tensors that `output` may be."""
        chain_of = [layer.output for layer in (self.layer, *self.followers)]
        return chain_of if self.linear is None else [*chain_of, self.linear(self.layer.input)]

    def alone(self, sources: list[np.ndarray]) -> list[np.ndarray]:
        """The values of `candidates` that Keras computes from the flatbuffer's input to the layer.

        Of a layer with several inputs, for each order of them.
        """
        values = []
        for order in permutations(sources):
            inputs = list(order) if len(order) > 1 else order[0]
            values.append(self.layer(inputs))
            for follower in self.followers:
                values.append(follower(values[-1]))
            if self.linear is not None:
                values.append(self.linear(inputs))
        return [np.asarray(value) for value in values]


def pairs_of(model: Any, content: Flatbuffer) -> list[Pair]:
    """The layers that the flatbuffer computes in float32, in the order of execution; not those of models inside it.

    # Arguments
        model: the `tf.keras.Model`.
        content: its conversion.
    """
    nodes = _nodes(model)
    operators: dict[int, list[Operator]] = {}
    layers = {}
    for node, layer in sorted(match(model, content, structure(content)).items()):
        operators.setdefault(id(layer), []).append(content.operators[node])
        layers[id(layer)] = layer
    pairs = []
    for key, layer in layers.items():
        if not any(layer is own for own in model.layers):
            continue
        tensor = _output(operators[key], content)
        if tensor.dtype == "float32" and tensor.index not in content.outputs:
            sources = _sources(operators[key], layer, content)
            pairs.append(Pair(layer, tensor.index, sources, _followers(layer, nodes), _linear(layer)))
    return pairs


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


def _sources(operators: list[Operator], layer: Any, content: Flatbuffer) -> list[int]:
    """The real-valued tensors that the layer's own signs are taken of, or that a layer without a sign reads.

    None where one of the layer's inputs is not in the flatbuffer, or where there are too many to try all orders.
    """
    shapes = [tuple(tensor.shape[1:]) for tensor in tf.nest.flatten(layer.input)]
    sources: dict[int, None] = {}
    for operator in operators:
        tensor = operator.input(0)
        for name in ("LceDequantize", "LceQuantize"):
            producer = content.producers.get(tensor.index)
            if producer is not None and producer.name == name:
                tensor = producer.input(0)
        if tensor.dtype == "float32" and tensor.shape[1:] in shapes:
            sources[tensor.index] = None
    return list(sources) if len(sources) == len(shapes) <= MOST_INPUTS else []


def _nodes(model: Any) -> set[int]:
    """The calls that a model is made of, by identity: its layers may have been called elsewhere too."""
    nodes = {id(node) for depth in model._nodes_by_depth.values() for node in depth}
    inner = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    return nodes.union(*map(_nodes, inner))


def _followers(layer: Any, nodes: set[int]) -> list[Any]:
    """The BatchNorms and activations behind a layer, as long as there is one way on."""
    followers: list[Any] = []
    kinds = keras.layers.BatchNormalization | keras.layers.Activation | keras.layers.ReLU | ActivationShifts
    while len(onward := [node for node in layer.outbound_nodes if id(node) in nodes]) == 1:
        layer = onward[0].outbound_layer
        if not isinstance(layer, kinds) or isinstance(layer.output, list):
            break
        followers.append(layer)
    return followers


def _linear(layer: Any) -> Any:
    """A layer's twin without its activation, which may be an operator of its own in the flatbuffer."""
    if getattr(layer, "activation", keras.activations.linear) is keras.activations.linear:
        return None
    twin = type(layer).from_config({**layer.get_config(), "activation": None, "name": f"{layer.name}_linear"})
    twin.build(layer.input_shape)
    twin.set_weights(layer.get_weights())
    return twin
