"""What fewer bits in the float rest cost: accuracy and size before and after, on real samples."""

from collections.abc import Sequence

import numpy as np

from larq_el.convert.quantization.calibration import calibration_count
from larq_el.convert.quantization.names import STATIC
from larq_el.convert.report.report import FloatCheck
from larq_el.data.samples import check_labels
from larq_el.errors import UserError
from larq_el.tflite.agreement import agree, differences, has_classes
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.lce import interpreter, predict


def check_float_ops(
    before: Flatbuffer,
    after: Flatbuffer,
    float_ops: str,
    samples: Sequence[np.ndarray],
    labels: np.ndarray | None = None,
) -> FloatCheck:
    """Compares two flatbuffers of one model at their outputs, and by their accuracy where labels are known.

    Samples that calibrated the model are left out.

    # Arguments
        before, after: the flatbuffers.
        float_ops: what the float rest of `after` computes with.
        samples: whole batches of each input, of its type, in the flatbuffer's order.
        labels: the samples' classes, if they are known; not looked at where the first output has no classes.

    # Raises
        ValueError: where the samples do not fit the model.
    """
    calibrated_on = calibration_count(len(samples[0]), before.batch) if float_ops == STATIC else 0
    outputs = [_outputs(one, samples, calibrated_on) for one in (before, after)]
    right = None
    if labels is not None and has_classes(outputs[0][0].shape):
        named = [values[0].argmax(axis=-1) for values in outputs]
        wanted = _labels(labels, len(samples[0]), named[0].shape, calibrated_on, outputs[0][0].shape[-1])
        right = [classes == wanted for classes in named]
    return FloatCheck(
        float_ops,
        len(outputs[0][0]),
        agreement=_agreement(*outputs),
        top1_before=None if right is None else float(right[0].mean()),
        top1_after=None if right is None else float(right[1].mean()),
        bytes_before=len(before.content),
        bytes_after=len(after.content),
        calibrated_on=calibrated_on,
        top1_error=None if right is None else _standard_error(*right),
    )


def difference_of(before: Flatbuffer, after: Flatbuffer, samples: Sequence[np.ndarray]) -> tuple[float, float]:
    """How far two flatbuffers of one model are apart, at the output where they are farthest.

    # Arguments
        before, after: the flatbuffers.
        samples: whole batches of each input, of its type, in the flatbuffer's order.

    # Returns
        The share of samples that agree as `agree` tells, 0 to 1, and the largest difference of the outputs.

    # Raises
        ValueError: where the samples do not fit the model.
    """
    one, other = (_outputs(one, samples) for one in (before, after))
    return _agreement(one, other), max(float(differences(*pair).max()) for pair in zip(one, other, strict=True))


def _agreement(before: list[np.ndarray], after: list[np.ndarray]) -> float:
    """Of the output that agrees least."""
    return min(float(agree(*pair).mean()) for pair in zip(before, after, strict=True))


def _labels(labels: np.ndarray, samples: int, shape: tuple[int, ...], skipped: int, classes: int) -> np.ndarray:
    """The labels of the samples that are compared, whose classes have this shape."""
    wanted = (samples, *shape[1:])
    if labels.shape != wanted:
        raise UserError(
            f"labels must have shape {wanted}, one class for each sample, got {labels.shape}; give the number of each "
            "sample's class."
        )
    check_labels(labels, classes)
    return labels[skipped : skipped + shape[0]]


def _standard_error(before: np.ndarray, after: np.ndarray) -> float:
    """Of the difference of two accuracies on the same samples: only those that one alone gets right count."""
    return float(np.std(after.astype(float) - before) / np.sqrt(before.size))


def _outputs(flatbuffer: Flatbuffer, samples: Sequence[np.ndarray], skipped: int = 0) -> list[np.ndarray]:
    model = interpreter(flatbuffer.content, indirect=True, xnnpack=True)
    return predict(model, [values[skipped:] for values in samples])
