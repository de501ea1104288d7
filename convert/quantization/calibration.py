"""Ranges of a flatbuffer's activations on samples, for operators that compute in int8 throughout.

ai-edge-quantizer's own calibrator runs the model in an interpreter that lacks LCE's operators.
"""

from collections.abc import Collection, Sequence

import numpy as np

from larq_el.errors import UserError
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.graph import Tensor
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
        samples: whole batches of each input, of its type, in the flatbuffer's order.
        operators: names of the operators.
        count: how many samples to use, of whole batches; None for all.

    # Returns
        "min" and "max" by the tensor's name, as ai-edge-quantizer takes them.

    """
    shown = _activations(flatbuffer, operators)
    if not shown:
        return {}
    model = interpreter(flatbuffer.with_outputs([tensor.index for tensor in shown]), indirect=True, xnnpack=True)
    size = flatbuffer.batch
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
