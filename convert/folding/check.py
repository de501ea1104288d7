"""Proves on samples that folding changed nothing but what it notes."""

from collections.abc import Mapping

import numpy as np

from larq_el.convert.folding.changes import Change, changes_of
from larq_el.tflite.agreement import differences
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.operators import QUANTIZE

SAME, DIFFERS = 3e-6, 1e-3
"""Shares of a tensor's largest value: below the first a difference is rounding, beyond the second a fault."""


def first_difference(
    original: Flatbuffer, folded: Flatbuffer, expected: Mapping[int, np.ndarray], got: Mapping[int, np.ndarray]
) -> str | None:
    """Compares a folded flatbuffer with the one it was made from, tensor by tensor.

    Rounding turns over signs of values near zero, and what is computed from those differs for good. So each tensor is
    judged by its own operator: it has to be the same where all that the operator reads is the same.

    # Arguments
        original, folded: the flatbuffers.
        expected, got: what their operators compute of the same inputs, by the tensors' indices.

    # Returns
        The name of the first tensor that differs, None where there is none.
    """
    changes = changes_of(folded)
    same = {*folded.inputs}
    for operator in folded.operators:
        reads = {one.index for one in operator.inputs if one is not None and one.data is None}
        for output in operator.outputs:
            if output.index not in expected or output.index not in got:
                continue
            values = changes.get(output.index, Change()).undone(got[output.index])
            if _is_within(SAME, expected[output.index], values):
                same.add(output.index)
                continue
            judged = reads <= same and operator.name != QUANTIZE
            if judged and not _is_within(DIFFERS, expected[output.index], values):
                return output.name
    return None


def _is_within(share: float, expected: np.ndarray, got: np.ndarray) -> bool:
    if expected.dtype.kind != "f":
        return np.array_equal(expected, got)
    largest = float(np.abs(expected).max(initial=0.0, where=np.isfinite(expected)))
    return bool((differences(expected, got) <= share * largest).all())
