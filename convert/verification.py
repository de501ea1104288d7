"""Proves that a flatbuffer computes what its Keras model computes, on real samples."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from larq_el._keras import keras
from larq_el._lce import interpreter as lce_interpreter
from larq_el.convert.flatbuffer import Flatbuffer
from larq_el.convert.matching import match
from larq_el.convert.report import inspect
from larq_el.errors import UserError

DIFFERS = 1e-3
"""Two values differ where they are apart by more than this share of the layer's largest magnitude."""
PARTED = 0.05
"""Two layers have parted where more than this share of their values differs: signs near zero that float rounding turned
over touch fewer."""


@dataclass(frozen=True)
class LayerDifference:
    """How far a layer of the flatbuffer is from its Keras layer.

    # Attributes
        layer: the Keras layer's name (the convolution; its BatchNorm and activation are fused into it).
        max_abs_diff: largest difference of two values.
        differing: share of the values that differ by more than `DIFFERS`, 0 to 1.
    """

    layer: str
    max_abs_diff: float
    differing: float


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
        """The first layer whose values have parted, None where none has."""
        return next((layer.layer for layer in self.layers if layer.differing > PARTED), None)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "passed": self.passed, "parted_at": self.parted_at}


def verify(
    model: Any, flatbuffer: bytes | str | os.PathLike[str], samples: np.ndarray, *, min_agreement: float = 0.99
) -> Verification:
    """Compares a flatbuffer with its Keras model, by LCE's own interpreter.

    Whole models are compared by the class that they name and by their logits; and so that a difference can be found,
    layer by layer: the interpreter is made to show the convolutions inside the flatbuffer.

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
    outputs = content.outputs + [tensor for _, tensor, _ in pairs]
    keras_outputs = list(model.outputs) + [candidate for *_, candidates in pairs for candidate in candidates]
    probe = keras.Model(model.inputs, keras_outputs)
    run = _interpreter(content.with_outputs(outputs), model)
    compared = _Comparison(len(pairs), [len(candidates) for *_, candidates in pairs])
    for start in range(0, len(samples), 16):
        batch = samples[start : start + 16]
        expected = [np.asarray(value) for value in _as_list(probe.predict_on_batch(batch))]
        compared.add(expected, run(batch))
    names = [layer.name for layer, *_ in pairs]
    softmax = [node.name == "SOFTMAX" for node in content.operators if node.outputs[0].index == content.outputs[0]]
    return compared.result(names, logits=bool(softmax and softmax[0]), min_agreement=min_agreement)


def _check_samples(model: Any, samples: np.ndarray) -> None:
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UserError(f"verify compares models with one input and one output, and {model.name!r} has more.")
    wanted = tuple(model.input_shape[1:])
    if len(samples) == 0 or tuple(samples.shape[1:]) != wanted:
        raise UserError(f"samples must have shape (N, {', '.join(map(str, wanted))}), got {tuple(samples.shape)}.")


def _pairs(model: Any, content: Flatbuffer) -> list[tuple[Any, int, list[Any]]]:
    """Keras layer, the flatbuffer's tensor, and the Keras tensors that it may be, in the order of execution.

    What is fused into a convolution follows it in Keras: the tensor is its own output, or its BatchNorm's or
    activation's.
    """
    layers = match(model, content, inspect(content))
    pairs = []
    for node, layer in sorted(layers.items()):
        tensor = content.operators[node].outputs[0]
        if tensor.dtype == "float32" and tensor.index not in content.outputs:
            pairs.append((layer, tensor.index, _fused(layer)))
    return pairs


def _fused(layer: Any) -> list[Any]:
    """The output of a layer, and of the BatchNorms and activations behind it, as long as there is one way on."""
    tensors = [layer.output]
    if getattr(layer, "activation", keras.activations.linear) is not keras.activations.linear:
        # an operator of its own: the convolution's tensor is what it is made of
        tensors.append(_without_activation(layer))
    while len(layer.outbound_nodes) == 1:
        layer = layer.outbound_nodes[0].outbound_layer
        if not isinstance(layer, keras.layers.BatchNormalization | keras.layers.Activation | keras.layers.ReLU):
            break
        tensors.append(layer.output)
    return tensors


def _without_activation(layer: Any) -> Any:
    twin = type(layer).from_config({**layer.get_config(), "activation": None, "name": f"{layer.name}_linear"})
    output = twin(layer.input)
    twin.set_weights(layer.get_weights())
    return output


def _interpreter(content: bytes, model: Any) -> Callable[[np.ndarray], list[np.ndarray]]:
    interpreter = lce_interpreter(content)
    got, wanted = tuple(interpreter.input_shapes[0][1:]), tuple(model.input_shape[1:])
    outputs = tuple(interpreter.output_shapes[0][1:]), tuple(model.output_shape[1:])
    if got != wanted or outputs[0] != outputs[1]:
        raise UserError(
            f"the flatbuffer is not a conversion of {model.name!r}: it maps {got} to {outputs[0]}, the model maps "
            f"{wanted} to {outputs[1]}."
        )
    return lambda batch: _as_list(interpreter.predict(np.asarray(batch, np.float32)))


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


class _Comparison:
    """Gathers the differences batch by batch."""

    def __init__(self, layers: int, candidates: list[int]) -> None:
        self._candidates = candidates
        self._agree: list[np.ndarray] = []
        self._outputs: list[np.ndarray] = []
        # for each layer and candidate: largest difference, number of values that differ, number of values, sum
        self._sums = [np.zeros((count, 4)) for count in candidates]
        self._layers = layers

    def add(self, expected: list[np.ndarray], got: list[np.ndarray]) -> None:
        """Compares one batch: Keras's output and candidates with the flatbuffer's output and layers."""
        self._agree.append(expected[0].argmax(axis=-1) == got[0].argmax(axis=-1))
        self._outputs.append(np.abs(expected[0] - got[0]))
        at = 1
        for layer in range(self._layers):
            for candidate in range(self._candidates[layer]):
                self._add_layer(self._sums[layer][candidate], expected[at], got[1 + layer])
                at += 1

    @staticmethod
    def _add_layer(sums: np.ndarray, expected: np.ndarray, got: np.ndarray) -> None:
        difference = np.abs(expected - got.reshape(expected.shape))
        differs = difference > DIFFERS * max(np.abs(expected).max(), np.finfo(np.float32).tiny)
        sums[0] = max(sums[0], difference.max())
        sums[1:] += differs.sum(), difference.size, difference.sum()

    def result(self, names: list[str], *, logits: bool, min_agreement: float) -> Verification:
        """The comparison of all batches; `logits`: whether the last layer is what a softmax is made of."""
        # the candidate that is nearest is the one that the flatbuffer's tensor is
        nearest = [sums[np.argmin(sums[:, 3])] for sums in self._sums]
        layers = tuple(
            LayerDifference(name, float(sums[0]), float(sums[1] / sums[2]))
            for name, sums in zip(names, nearest, strict=True)
        )
        last = nearest[-1] if logits and nearest else None
        agree, outputs = np.concatenate(self._agree), np.concatenate(self._outputs)
        return Verification(
            samples=len(agree),
            top1_agreement=float(agree.mean()),
            max_abs_diff=float(outputs.max()),
            mean_abs_diff=float(outputs.mean()),
            logits_max_abs_diff=None if last is None else float(last[0]),
            logits_mean_abs_diff=None if last is None else float(last[3] / last[2]),
            layers=layers,
            min_agreement=min_agreement,
        )
