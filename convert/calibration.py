"""Ranges of a flatbuffer's activations on samples, for operators that compute in int8 throughout.

ai-edge-quantizer's own calibrator runs the model in an interpreter that lacks LCE's operators.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from larq_el._lce import interpreter
from larq_el.convert.flatbuffer import Flatbuffer, Tensor
from larq_el.errors import UserError

MOST = 500
"""Samples to calibrate on; more widen the ranges little."""


def calibration_count(samples: int) -> int:
    """How many of the samples calibrate: the first 500 of them, at most half, so that others are left to measure on.

    # Arguments
        samples: how many there are.

    # Raises
        ValueError: where there are less than two.
    """
    if samples < 2:
        raise UserError(
            f"calibration needs at least 2 samples, one of them to measure on, got {samples}; give some hundred."
        )
    return min(MOST, samples // 2)


def ranges(
    flatbuffer: Flatbuffer, samples: Sequence[np.ndarray], operators: Collection[str]
) -> dict[str, dict[str, np.ndarray]]:
    """The lowest and the highest value of each float tensor that operators read or write.

    # Arguments
        flatbuffer: the model in float32.
        samples: an array for each input, in the flatbuffer's order.
        operators: names of the operators.

    # Returns
        "min" and "max" by the tensor's name, as ai-edge-quantizer takes them.

    # Raises
        ValueError: where the samples do not fit the model.
    """
    shown = _activations(flatbuffer, operators)
    if not shown:
        return {}
    model = interpreter(flatbuffer.with_outputs([tensor.index for tensor in shown]), indirect=True, xnnpack=True)
    samples = fitted(model, samples)
    found: dict[str, dict[str, np.ndarray]] = {}
    for at in range(len(samples[0])):
        values = model.interpreter.predict([array[at : at + 1] for array in samples])
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
    """The samples in the types that an interpreter takes.

    # Arguments
        model: LCE's interpreter.
        samples: an array for each input, in the flatbuffer's order.

    # Raises
        ValueError: where they do not fit the model.
    """
    shapes = [tuple(shape) for shape in model.input_shapes]
    given = [values.shape[1:] for values in samples]
    if given != [shape[1:] for shape in shapes] or any(shape[0] != 1 for shape in shapes):
        raise UserError(
            f"samples must be arrays of shapes {', '.join(str(('N', *shape[1:])) for shape in shapes)}, the "
            f"model's batch free; got {', '.join(str(values.shape) for values in samples)}."
        )
    return [values.astype(kind) for values, kind in zip(samples, model.input_types, strict=True)]
