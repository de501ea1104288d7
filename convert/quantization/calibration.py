"""Ranges of a flatbuffer's activations on samples, for operators that compute in int8 throughout.

ai-edge-quantizer's own calibrator runs the model in an interpreter that lacks LCE's operators.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from larq_el.errors import UserError
from larq_el.tflite.flatbuffer import Flatbuffer, Tensor
from larq_el.tflite.lce import interpreter

MOST = 500
"""Samples to calibrate on; more widen the ranges little."""


def calibration_count(samples: int, batch: int = 1) -> int:
    """How many of the samples calibrate: the first 500 of them, at most half, so that others are left to measure on.

    # Arguments
        samples: how many there are.
        batch: how many the model takes at a time; the result fills whole batches.

    # Raises
        ValueError: where there are less than two batches.
    """
    if samples < 2 * batch:
        one = "one" if batch == 1 else f"a batch of {batch}"
        raise UserError(
            f"calibration needs at least {2 * batch} samples, {one} of them to measure on, got {samples}; give some "
            "hundred."
        )
    return max(min(MOST // batch, samples // batch // 2), 1) * batch


def ranges(
    flatbuffer: Flatbuffer, samples: Sequence[np.ndarray], operators: Collection[str], count: int | None = None
) -> dict[str, dict[str, np.ndarray]]:
    """The lowest and the highest value of each float tensor that operators read or write, on whole batches.

    # Arguments
        flatbuffer: the model in float32.
        samples: an array for each input, in the flatbuffer's order.
        operators: names of the operators.
        count: how many samples to use, of whole batches; None for all.

    # Returns
        "min" and "max" by the tensor's name, as ai-edge-quantizer takes them.

    # Raises
        ValueError: where the samples do not fit the model.
    """
    shown = _activations(flatbuffer, operators)
    if not shown:
        return {}
    model = interpreter(flatbuffer.with_outputs([tensor.index for tensor in shown]), indirect=True, xnnpack=True)
    samples, size = fitted(model, samples), model.input_shapes[0][0]
    found: dict[str, dict[str, np.ndarray]] = {}
    for at in range(0, len(samples[0][:count]), size):
        values = model.interpreter.predict([array[at : at + size] for array in samples])
        for tensor, array in zip(shown, values, strict=True):
            low, high = array.min(keepdims=True), array.max(keepdims=True)
            known = found.setdefault(tensor.name, {"min": low, "max": high})
            known["min"], known["max"] = np.minimum(known["min"], low), np.maximum(known["max"], high)
    return found


def _activations(flatbuffer: Flatbuffer, operators: Collection[str]) -> list[Tensor]:
    nodes = [node for node in flatbuffer.operators if node.name in operators]
    tensors = [tensor for node in nodes for tensor in (*node.inputs, *node.outputs) if tensor is not None]
    activations = {t.index: t for t in tensors if t.data is None and t.dtype == "float32"}
    return list(activations.values())


def fitted(model: Any, samples: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The samples in the types that an interpreter takes, as many as fill whole batches of its size.

    # Arguments
        model: LCE's interpreter.
        samples: an array for each input, in the flatbuffer's order.

    # Raises
        ValueError: where they do not fit the model.
    """
    shapes = [tuple(shape) for shape in model.input_shapes]
    if [values.shape[1:] for values in samples] != [shape[1:] for shape in shapes]:
        raise UserError(
            f"samples must be arrays of shapes {', '.join(str(('N', *shape[1:])) for shape in shapes)}, got "
            f"{', '.join(str(values.shape) for values in samples)}."
        )
    count, size = len(samples[0]), shapes[0][0]
    if any(shape[0] != size for shape in shapes):
        raise UserError(f"all inputs must take as many samples at a time, they take {_listed(s[0] for s in shapes)}.")
    if any(len(values) != count for values in samples):
        raise UserError(f"each input must have as many samples, got {_listed(map(len, samples))}.")
    if count < size:
        raise UserError(f"the model computes {size} samples at a time, got {count}; give at least as many.")
    return [
        _cast(values[: count // size * size], kind) for values, kind in zip(samples, model.input_types, strict=True)
    ]


def _listed(counts: Iterable[int]) -> str:
    return " and ".join(map(str, counts))


def _cast(values: np.ndarray, kind: Any) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        cast = values.astype(kind)
    bad = ~(np.isfinite(values) & np.isfinite(cast))
    if bad.any():
        raise UserError(
            f"samples must be finite as {cast.dtype}, got {values[bad][0]} in {int(bad.sum())} of {bad.size} places; "
            "leave those samples out."
        )
    return cast
