"""Proves that a flatbuffer computes what its Keras model computes, on real samples."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import chain, permutations
from math import factorial
from typing import Any

import numpy as np

from larq_el._keras import keras, tf
from larq_el._lce import interpreter as lce_interpreter
from larq_el.convert.flatbuffer import Flatbuffer, Operator, Tensor
from larq_el.convert.matching import match
from larq_el.convert.report import inspect
from larq_el.errors import UserError
from larq_el.layers import ActivationShifts

DIFFERS = 1e-3
"""Two values differ where they are apart by more than this share of the layer's largest magnitude."""
WRONG = 1e-3
"""A layer is wrong where, on equal inputs, more than this share of its values differs."""
PARTED = 0.05
"""Two networks have parted where more than this share of a layer's values differs: signs near zero that float rounding
turned over in the layers before touch fewer in a trained network."""
MOST_INPUTS = 3
"""Of a layer whose inputs are tried in every order."""
BATCH = 16


@dataclass(frozen=True)
class LayerDifference:
    """How far a layer of the flatbuffer is from its Keras layer.

    # Attributes
        layer: the Keras layer's name (the convolution; its BatchNorm and activation are fused into it).
        max_abs_diff: largest difference of two values, both networks computing from the image.
        differing: share of the values that differ by more than `DIFFERS` then, 0 to 1.
        differing_alone: the same where Keras computes this layer from the flatbuffer's own input to it, so that no
            difference of earlier layers counts; None where there is no such input, as between bitpacked layers.
    """

    layer: str
    max_abs_diff: float
    differing: float
    differing_alone: float | None


@dataclass(frozen=True)
class Verification:
    """How a flatbuffer compares with its Keras model.

    # Attributes
        samples: number of samples.
        top1_agreement: share of the samples with the same most likely class, 0 to 1.
        max_abs_diff, mean_abs_diff: of the outputs.
        logits_max_abs_diff, logits_mean_abs_diff: of the classifier before its softmax; None where it is not found.
        layers: the convolutions and dense layers in the order of execution.
        min_agreement: the share that was asked for.
    """

    samples: int
    top1_agreement: float
    max_abs_diff: float
    mean_abs_diff: float
    logits_max_abs_diff: float | None
    logits_mean_abs_diff: float | None
    layers: tuple[LayerDifference, ...]
    min_agreement: float

    @property
    def passed(self) -> bool:
        """Whether enough samples agree."""
        return self.top1_agreement >= self.min_agreement

    @property
    def parted_at(self) -> str | None:
        """The first layer that is wrong; if none is and too few samples agree, the first whose values have parted."""
        wrong = (layer.layer for layer in self.layers if (layer.differing_alone or 0.0) > WRONG)
        parted = (layer.layer for layer in self.layers if layer.differing > PARTED and not self.passed)
        return next(chain(wrong, parted), None)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "passed": self.passed, "parted_at": self.parted_at}


def verify(
    model: Any, flatbuffer: bytes | str | os.PathLike[str], samples: np.ndarray, *, min_agreement: float = 0.99
) -> Verification:
    """Compares a flatbuffer with its Keras model, by LCE's own interpreter.

    Whole models are compared by the class that they name and by their logits. So that a difference can be found, the
    interpreter is made to show the tensors inside the flatbuffer, and they are compared layer by layer: both networks
    computing from the image, and Keras computing each layer from the flatbuffer's own input to it.

    # Arguments
        model: the `tf.keras.Model` that was converted, with one image as input and one output.
        flatbuffer: the bytes, or the path.
        samples: (N, H, W, C) real inputs, preprocessed as the model expects.
        min_agreement: share of samples with the same top-1 class that passes.

    # Returns
        A `Verification`.

    # Raises
        ValueError: where the samples do not fit the model, or the flatbuffer's input or output is not the model's.
    """
    _check_samples(model, samples)
    content = Flatbuffer(flatbuffer)
    pairs = _pairs(model, content)
    shown = list(dict.fromkeys([*content.outputs, *(tensor for pair in pairs for tensor in pair.tensors)]))
    run = _interpreter(content.with_outputs(shown), model)
    whole = keras.Model(model.inputs, [*model.outputs, *(tensor for pair in pairs for tensor in pair.candidates)])
    compared = _Comparison(pairs)
    for start in range(0, len(samples), BATCH):
        batch = samples[start : start + BATCH]
        got = dict(zip(shown, run(batch), strict=True))
        output, *expected = map(np.asarray, _as_list(whole.predict_on_batch(batch)))
        compared.add_outputs(output, got[content.outputs[0]])
        compared.add_layers(expected, got)
    softmax = any(node.name == "SOFTMAX" and node.outputs[0].index == content.outputs[0] for node in content.operators)
    return compared.result(logits=softmax, min_agreement=min_agreement)


def _check_samples(model: Any, samples: np.ndarray) -> None:
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UserError(f"verify compares models with one input and one output, and {model.name!r} has more.")
    wanted = tuple(model.input_shape[1:])
    if len(samples) == 0 or tuple(samples.shape[1:]) != wanted:
        raise UserError(f"samples must have shape (N, {', '.join(map(str, wanted))}), got {tuple(samples.shape)}.")


@dataclass(frozen=True)
class _Pair:
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


def _pairs(model: Any, content: Flatbuffer) -> list[_Pair]:
    """The layers that the flatbuffer computes in float32, in the order of execution."""
    nodes = _nodes(model)
    operators: dict[int, list[Operator]] = {}
    layers = {}
    for node, layer in sorted(match(model, content, inspect(content)).items()):
        operators.setdefault(id(layer), []).append(content.operators[node])
        layers[id(layer)] = layer
    pairs = []
    for key, layer in layers.items():
        tensor = _output(operators[key], content)
        if tensor.dtype == "float32" and tensor.index not in content.outputs:
            sources = _sources(operators[key], layer, content)
            pairs.append(_Pair(layer, tensor.index, sources, _followers(layer, nodes), _linear(layer)))
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


def _interpreter(content: bytes, model: Any) -> Callable[[np.ndarray], list[np.ndarray]]:
    interpreter = lce_interpreter(content)
    got = [tuple(shapes[0][1:]) for shapes in (interpreter.input_shapes, interpreter.output_shapes)]
    wanted = [tuple(shape[1:]) for shape in (model.input_shape, model.output_shape)]
    if got != wanted:
        raise UserError(
            f"the flatbuffer is not a conversion of {model.name!r}: it maps {got[0]} to {got[1]}, the model maps "
            f"{wanted[0]} to {wanted[1]}."
        )
    return lambda batch: _as_list(interpreter.predict(np.asarray(batch, np.float32)))


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


class _Comparison:
    """Gathers the differences batch by batch."""

    def __init__(self, pairs: list[_Pair]) -> None:
        self._pairs = pairs
        self._agree: list[np.ndarray] = []
        self._outputs: list[np.ndarray] = []
        # for each layer and candidate: largest difference, number of values that differ, number of values, sum
        self._whole = [np.zeros((1 + len(pair.followers) + (pair.linear is not None), 4)) for pair in pairs]
        self._alone = [
            np.zeros((factorial(len(pair.sources)) * len(sums), 4))
            for pair, sums in zip(pairs, self._whole, strict=True)
        ]

    def add_outputs(self, expected: np.ndarray, got: np.ndarray) -> None:
        """Compares the networks' outputs for one batch."""
        self._agree.append(expected.argmax(axis=-1) == got.argmax(axis=-1))
        self._outputs.append(np.abs(expected - got))

    def add_layers(self, whole: list[np.ndarray], got: dict[int, np.ndarray]) -> None:
        """Compares the layers: `whole` holds the candidates of all pairs one after another."""
        rest = iter(whole)
        for at, pair in enumerate(self._pairs):
            for sums in self._whole[at]:
                _add(sums, next(rest), got[pair.output])
            if pair.sources:
                alone = pair.alone([got[source] for source in pair.sources])
                for sums, values in zip(self._alone[at], alone, strict=True):
                    _add(sums, values, got[pair.output])

    def result(self, *, logits: bool, min_agreement: float) -> Verification:
        """The comparison of all batches; `logits`: whether the last layer is what a softmax is made of."""
        layers, last = [], None
        for pair, whole, alone in zip(self._pairs, self._whole, self._alone, strict=True):
            # the candidate that is nearest is the one that the flatbuffer's tensor is
            at = int(np.argmin((alone if pair.sources else whole)[:, 3]))
            last = whole[at % len(whole)]
            differing_alone = float(alone[at][1] / alone[at][2]) if pair.sources else None
            layers.append(LayerDifference(pair.layer.name, float(last[0]), float(last[1] / last[2]), differing_alone))
        last = last if logits else None
        agree, outputs = np.concatenate(self._agree), np.concatenate(self._outputs)
        return Verification(
            samples=len(agree),
            top1_agreement=float(agree.mean()),
            max_abs_diff=float(outputs.max()),
            mean_abs_diff=float(outputs.mean()),
            logits_max_abs_diff=None if last is None else float(last[0]),
            logits_mean_abs_diff=None if last is None else float(last[3] / last[2]),
            layers=tuple(layers),
            min_agreement=min_agreement,
        )


def _add(sums: np.ndarray, expected: np.ndarray, got: np.ndarray) -> None:
    """Adds one batch to the sums of a layer's candidate."""
    difference = np.abs(expected - got.reshape(expected.shape))
    differs = difference > DIFFERS * max(np.abs(expected).max(), np.finfo(np.float32).tiny)
    sums[0] = max(sums[0], difference.max())
    sums[1:] += differs.sum(), difference.size, difference.sum()
