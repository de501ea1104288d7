"""Runs a Keras model in step with its flatbuffer.

Rounding turns over signs of values near zero, and in a binarized network whatever follows differs for good. So Keras
does not go on with its own values: what a layer computes is looked for among the flatbuffer's tensors, and where it is
there, the tensor takes its place. Each layer is judged on equal inputs that way, whatever stands between two of them;
and where both compute the same, an output of the model can only be right if all that it is computed from is.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from larq_el._keras import Model, tf
from larq_el.convert.proof.bounds import Bound
from larq_el.convert.verification.keras_calls import Call, calls_of
from larq_el.tflite.graph import Graph
from larq_el.tflite.operators import WORD

LOOKED_AT = 128
"""Values of a tensor by which it is looked for."""
CANDIDATES = 3
"""Tensors that are compared as a whole."""


@dataclass
class Lockstep:
    """What came of a run.

    # Attributes
        outputs: tensors of the Keras model, in its order.
        calls: of its layers, in the order of execution, with what the model went on with.
        equal: for each call, whether its output is a tensor of the flatbuffer.
        found: indices of the flatbuffer's tensors that Keras computed too.
    """

    outputs: list[Any] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    equal: list[bool] = field(default_factory=list)
    found: set[int] = field(default_factory=set)


def run_in_step(
    model: Model,
    inputs: list[np.ndarray],
    graph: Graph,
    values: Mapping[int, np.ndarray],
    bound: Bound,
    known: Mapping[int, np.ndarray] | None = None,
) -> Lockstep:
    """Runs a model in step with a flatbuffer.

    # Arguments
        model: a `tf.keras.Model`.
        inputs: a batch of each of its inputs, in its order.
        graph: of the flatbuffer.
        values: of the flatbuffer's tensors for the same batch, by their indices: reals, or words of bits.
        bound: how far two tensors may be apart that are the same.
        known: values to go on with in the place of what some calls compute, by their positions.

    # Returns
        A `Lockstep`.
    """
    tensors = _Tensors(graph, values, bound)
    run = Lockstep()

    def exchange(call: Call) -> Any:
        if (given := (known or {}).get(len(run.equal))) is not None:
            run.equal.append(True)
            return tf.constant(given.reshape(call.output.shape), call.output.dtype)
        parts = tf.nest.flatten(call.output)
        exchanged = [tensors.exchanged(part, run.found) for part in parts]
        run.equal.append(all(same for _, same in exchanged))
        return tf.nest.pack_sequence_as(call.output, [part for part, _ in exchanged])

    run.outputs, run.calls = calls_of(model, inputs, exchange=exchange, parts=True)
    return run


class _Tensors:
    """The tensors of a flatbuffer, to be found by their values."""

    def __init__(self, graph: Graph, values: Mapping[int, np.ndarray], bound: Bound) -> None:
        self._bound = bound
        self._reals: dict[int, tuple[list[int], list[np.ndarray], np.ndarray]] = {}
        self._bits: dict[tuple[int, int], list[tuple[int, np.ndarray]]] = {}
        sizes: dict[int, list[int]] = {}
        for index, array in values.items():
            if array.dtype == np.int32 and is_bits(graph, index):
                rows = array.reshape(-1, array.shape[-1])
                self._bits.setdefault((len(rows), rows.shape[1]), []).append((index, rows))
            elif array.dtype.kind == "f":
                sizes.setdefault(array.size, []).append(index)
        for size, indices in sizes.items():
            arrays = [values[index] for index in indices]
            self._reals[size] = indices, arrays, np.stack([array.ravel()[_places(size)] for array in arrays])

    def exchanged(self, part: Any, found: set[int]) -> tuple[Any, bool]:
        """A layer's output as the flatbuffer has it, and whether it has it."""
        if not (hasattr(part, "dtype") and part.dtype.is_floating):
            return part, False
        value = np.asarray(part)
        same = self._same_reals(value)
        if same is not None:
            index, array = same
            found.add(index)
            return tf.constant(array.reshape(value.shape), part.dtype), True
        bits = self._same_bits(value)
        if bits is None:
            return part, False
        index, nudged = bits
        found.add(index)
        return (part if nudged is value else tf.constant(nudged, part.dtype)), True

    def _same_reals(self, value: np.ndarray) -> tuple[int, np.ndarray] | None:
        if value.size not in self._reals:
            return None
        indices, arrays, looked_at = self._reals[value.size]
        with np.errstate(invalid="ignore", over="ignore"):
            apart = np.abs(looked_at - value.ravel()[_places(value.size)]).mean(axis=1)
        for at in np.argsort(apart)[:CANDIDATES]:
            if self._bound.holds(value, arrays[at].reshape(value.shape)):
                return indices[at], arrays[at]
        return None

    def _same_bits(self, value: np.ndarray) -> tuple[int, np.ndarray] | None:
        """The tensor with the signs of these values, and the values with just those signs."""
        if value.ndim < 2 or value.size == 0:
            return None
        rows = value.reshape(-1, value.shape[-1])
        some = _places(len(rows))
        for index, words in self._bits.get((len(rows), -(-rows.shape[1] // WORD)), []):
            if self._bound.signs_hold(rows[some], is_negative(words[some], rows.shape[1]), value):
                negative = is_negative(words, rows.shape[1])
                if self._bound.signs_hold(rows, negative, value):
                    turned = negative != (rows < 0)
                    if not turned.any():
                        return index, value
                    least = np.float32(np.finfo(np.float32).tiny)
                    nudged = np.where(turned, np.where(negative, -least, least), rows)
                    return index, nudged.reshape(value.shape)
        return None


def is_bits(graph: Graph, tensor: int) -> bool:
    """Whether a tensor holds signs, 32 in a word."""
    producer = graph.producers.get(tensor)
    return producer is not None and producer.name.startswith("Lce") and graph.tensors[tensor].dtype == "int32"


def is_negative(words: np.ndarray, channels: int) -> np.ndarray:
    """Which of the channels are -1, from LCE's words: (N, ceil(channels / 32)) int32 to (N, channels) bool.

    >>> is_negative(np.array([[0b101]], np.int32), 4).tolist()
    [[True, False, True, False]]
    """
    octets = np.ascontiguousarray(words).view(np.uint8)
    return np.unpackbits(octets, axis=-1, bitorder="little")[:, :channels].astype(bool)


@functools.lru_cache
def _places(size: int) -> np.ndarray:
    """Some positions, the same for each tensor of a size, and not in step with any of its axes."""
    return np.arange(size) if size <= LOOKED_AT else np.random.default_rng(size).choice(size, LOOKED_AT)
