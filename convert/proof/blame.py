"""Which layers a wrong output is the fault of, and why, where that is known."""

from typing import Any

import numpy as np

from larq_el._keras import Layer, Model, keras, lq, tf
from larq_el.convert.proof.lockstep import Lockstep
from larq_el.convert.verification.keras_calls import LOOPS, Call, calls_of, parts_of
from larq_el.models.saved_model import SavedModelLayer

OPEN = frozenset({"keras", "tf_keras", "larq", "larq_el"})
"""Packages whose layers compute one thing, or show the layers that they are made of."""


def suspects(run: Lockstep, outputs: list[int]) -> list[int]:
    """The calls on the way to wrong outputs of the model whose own outputs the flatbuffer does not have.

    # Arguments
        run: of the model in step with the flatbuffer.
        outputs: positions of the wrong ones among the model's outputs.

    # Returns
        Positions of calls, in the order of execution: what the first of them reads is right.
    """
    producers: dict[int, int] = {}
    for at, call in enumerate(run.calls):
        for tensor in tf.nest.flatten(call.output):
            producers.setdefault(id(tensor), at)
    waiting = [producers[id(run.outputs[at])] for at in outputs if id(run.outputs[at]) in producers]
    seen: set[int] = set()
    while waiting:
        at = waiting.pop()
        if at not in seen:
            seen.add(at)
            sources = (producers.get(id(tensor)) for tensor in tf.nest.flatten(run.calls[at].inputs))
            waiting.extend(source for source in sources if source is not None and not run.equal[source])
    return sorted(seen)


def is_opaque(layer: Layer) -> bool:
    """Whether a layer may compute several things one after another that nobody sees."""
    package = type(layer).__module__.split(".")[0]
    return isinstance(layer, SavedModelLayer | keras.layers.Lambda | LOOPS) or package not in OPEN


def reason_of(layer: Layer) -> str:
    """Why LCE computes something else in the place of a layer, "" where that is not known."""
    return next(filter(None, map(_own_reason, [layer, *parts_of(layer)])), "")


def _own_reason(layer: Layer) -> str:
    quantizer = layer if isinstance(layer, lq.quantizers.Quantizer) else getattr(layer, "input_quantizer", None)
    if quantizer is not None and _has_zeros(quantizer):
        return (
            "its input quantizer gives values other than -1 and 1, and the Larq Compute Engine takes every "
            "sign(sign(x) + c) for a sign, whatever c is; use 'ste_sign', or another that gives signs"
        )
    if isinstance(layer, keras.layers.LSTM | keras.layers.GRU):
        return f"the Larq Compute Engine's {type(layer).__name__} computes something else; try unroll=True"
    return ""


def _has_zeros(quantizer: Any) -> bool:
    values = tf.linspace(-2.0, 2.0, 401)
    try:
        return not bool(np.isin(np.asarray(quantizer(values)), (-1.0, 1.0)).all())
    except Exception:  # a quantizer of the user's own may want other shapes
        return False


def random_layers(model: Model, inputs: list[np.ndarray]) -> set[str]:
    """Names of the layers that compute something else of the same input each time."""
    first = calls_of(model, inputs, parts=True)[1]
    names: set[str] = set()
    remaining = iter(first)

    def exchange(call: Call) -> Any:
        before = next(remaining)
        if not _equal(before.output, call.output):
            names.add(call.layer.name)
        # so that what follows reads the same both times
        return tf.nest.pack_sequence_as(call.output, tf.nest.flatten(before.output))

    calls_of(model, inputs, exchange=exchange, parts=True)
    return names


def _equal(one: Any, other: Any) -> bool:
    pairs = zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True)
    return all(np.array_equal(np.asarray(first), np.asarray(second)) for first, second in pairs)
