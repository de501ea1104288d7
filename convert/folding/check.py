"""Proves on samples that folding changed nothing but what it notes."""

from collections.abc import Sequence

import numpy as np

from larq_el._lce import interpreter
from larq_el.convert.comparison import differences
from larq_el.convert.flatbuffer import Flatbuffer
from larq_el.convert.folding.changes import Change, changes_of

SAME, DIFFERS = 3e-6, 1e-3
"""Shares of a tensor's largest value: below the first a difference is rounding, beyond the second a fault."""


def first_difference(before: bytes, after: bytes, samples: Sequence[np.ndarray]) -> str | None:
    """Compares a folded flatbuffer with the one it was made from, tensor by tensor.

    Rounding turns over signs of values near zero, and what is computed from those differs for good. So each tensor is
    judged by its own operator: it has to be the same where all that the operator reads is the same.

    # Arguments
        before, after: the flatbuffers.
        samples: one batch of each input, in the flatbuffers' order.

    # Returns
        The name of the first tensor that differs, None where there is none.
    """
    original, folded = Flatbuffer(before), Flatbuffer(after)
    changes = changes_of(folded)
    shown = sorted(folded.producers.keys() & original.producers.keys())
    expected, got = (_shown(flatbuffer, shown, samples) for flatbuffer in (original, folded))
    same = {*folded.inputs}
    for operator in folded.operators:
        reads = {one.index for one in operator.inputs if one is not None and one.data is None}
        for output in operator.outputs:
            values = changes.get(output.index, Change()).undone(got[output.index])
            if _is_within(SAME, expected[output.index], values):
                same.add(output.index)
                continue
            judged = reads <= same and operator.name != "LceQuantize"
            if judged and not _is_within(DIFFERS, expected[output.index], values):
                return output.name
    return None


def _shown(flatbuffer: Flatbuffer, tensors: list[int], samples: Sequence[np.ndarray]) -> dict[int, np.ndarray]:
    model = interpreter(flatbuffer.with_outputs(tensors), indirect=True).interpreter
    return dict(zip(tensors, map(np.array, model.predict(list(samples))), strict=True))


def _is_within(share: float, expected: np.ndarray, got: np.ndarray) -> bool:
    if expected.dtype.kind != "f":
        return np.array_equal(expected, got)
    largest = float(np.abs(expected).max(initial=0.0, where=np.isfinite(expected)))
    return bool((differences(expected, got) <= share * largest).all())
