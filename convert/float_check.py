"""What fewer bits in the float rest cost: accuracy and size before and after, on real samples."""

from collections.abc import Sequence

import numpy as np

from larq_el._lce import interpreter
from larq_el.convert.report import FloatCheck
from larq_el.errors import UserError


def check_float_ops(
    before: bytes, after: bytes, float_ops: str, samples: Sequence[np.ndarray], labels: np.ndarray | None = None
) -> FloatCheck:
    """Compares two flatbuffers of one model by the classes that their first output names.

    # Arguments
        before, after: the flatbuffers.
        float_ops: what the float rest of `after` computes with.
        samples: an array for each input, in the flatbuffer's order.
        labels: the samples' classes, if they are known.

    # Raises
        ValueError: where the samples do not fit the model.
    """
    named = [_classes(content, samples) for content in (before, after)]
    accuracies: tuple[float | None, float | None] = (None, None)
    if labels is not None:
        if labels.shape != named[0].shape:
            raise UserError(
                f"labels must have shape {named[0].shape}, one class for each sample, got {labels.shape}; give the "
                "number of each sample's class."
            )
        accuracies = float((named[0] == labels).mean()), float((named[1] == labels).mean())
    agreement = float((named[0] == named[1]).mean())
    sizes = len(before), len(after)
    return FloatCheck(float_ops, len(samples[0]), agreement, accuracies[0], accuracies[1], sizes[0], sizes[1])


def _classes(content: bytes, samples: Sequence[np.ndarray]) -> np.ndarray:
    model = interpreter(content, indirect=True, xnnpack=True)
    shapes = [tuple(shape) for shape in model.input_shapes]
    given = [values.shape[1:] for values in samples]
    if given != [shape[1:] for shape in shapes] or any(shape[0] != 1 for shape in shapes):
        raise UserError(
            f"samples must be arrays of shapes {', '.join(str(('N', *shape[1:])) for shape in shapes)}, the "
            f"model's batch free; got {', '.join(str(values.shape) for values in samples)}."
        )
    output = model.predict([values.astype(kind) for values, kind in zip(samples, model.input_types, strict=True)])
    first = output[0] if isinstance(output, list) else output
    return np.asarray(first.argmax(axis=-1))
