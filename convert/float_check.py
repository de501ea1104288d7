"""What fewer bits in the float rest cost: accuracy and size before and after, on real samples."""

from collections.abc import Sequence

import numpy as np

from larq_el._lce import interpreter
from larq_el.convert.calibration import calibration_count, fitted
from larq_el.convert.float_rest import STATIC
from larq_el.convert.report import FloatCheck
from larq_el.errors import UserError


def check_float_ops(
    before: bytes, after: bytes, float_ops: str, samples: Sequence[np.ndarray], labels: np.ndarray | None = None
) -> FloatCheck:
    """Compares two flatbuffers of one model by the classes that their first output names.

    Samples that calibrated the model are left out.

    # Arguments
        before, after: the flatbuffers.
        float_ops: what the float rest of `after` computes with.
        samples: an array for each input, in the flatbuffer's order.
        labels: the samples' classes, if they are known.

    # Raises
        ValueError: where the samples do not fit the model.
    """
    calibrated_on = calibration_count(len(samples[0])) if float_ops == STATIC else 0
    kept = [values[calibrated_on:] for values in samples]
    named = [_outputs(content, kept).argmax(axis=-1) for content in (before, after)]
    right = None if labels is None else [classes == _labels(labels, classes, calibrated_on) for classes in named]
    return FloatCheck(
        float_ops,
        len(kept[0]),
        agreement=float((named[0] == named[1]).mean()),
        top1_before=None if right is None else float(right[0].mean()),
        top1_after=None if right is None else float(right[1].mean()),
        bytes_before=len(before),
        bytes_after=len(after),
        calibrated_on=calibrated_on,
        top1_error=None if right is None else _standard_error(*right),
    )


def difference_of(before: bytes, after: bytes, samples: Sequence[np.ndarray]) -> tuple[float, float]:
    """How far two flatbuffers of one model are apart at their first output.

    # Arguments
        before, after: the flatbuffers.
        samples: an array for each input, in the flatbuffer's order.

    # Returns
        The share of samples with the same most likely class, 0 to 1, and the largest difference of the outputs.

    # Raises
        ValueError: where the samples do not fit the model.
    """
    one, other = (_outputs(content, samples) for content in (before, after))
    return float((one.argmax(axis=-1) == other.argmax(axis=-1)).mean()), float(np.abs(one - other).max())


def _labels(labels: np.ndarray, classes: np.ndarray, skipped: int) -> np.ndarray:
    wanted = (len(classes) + skipped, *classes.shape[1:])
    if labels.shape != wanted:
        raise UserError(
            f"labels must have shape {wanted}, one class for each sample, got {labels.shape}; give the number of each "
            "sample's class."
        )
    return labels[skipped:]


def _standard_error(before: np.ndarray, after: np.ndarray) -> float:
    """Of the difference of two accuracies on the same samples: only those that one alone gets right count."""
    return float(np.std(after.astype(float) - before) / np.sqrt(before.size))


def _outputs(content: bytes, samples: Sequence[np.ndarray]) -> np.ndarray:
    model = interpreter(content, indirect=True, xnnpack=True)
    output = model.predict(fitted(model, samples))
    return np.asarray(output[0] if isinstance(output, list) else output)
