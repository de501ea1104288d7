"""The one place that loads the Larq Compute Engine, which imports TensorFlow and needs Keras 2."""

from collections.abc import Sequence
from typing import Any

import numpy as np

import larq_el._keras  # noqa: F401  # isort: skip
import larq_compute_engine as lce

from larq_el.errors import UserError, one_line

__all__ = ["interpreter", "lce", "predict"]


def interpreter(flatbuffer: bytes, *, num_threads: int = 1, indirect: bool = False, xnnpack: bool = False) -> Any:
    """LCE's interpreter of a flatbuffer.

    # Arguments
        flatbuffer: a TFLite model.
        num_threads: of the interpreter.
        indirect: use the indirect kernel for binary convolutions, on x86 3 to 5 times as fast as the default.
        xnnpack: use XNNPACK for the float part.

    # Raises
        ValueError: where it cannot run the model.
    """
    try:
        return lce.testing.Interpreter(flatbuffer, num_threads, use_indirect_bgemm=indirect, use_xnnpack=xnnpack)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"the interpreter of the Larq Compute Engine cannot run the model: {one_line(error)}."
        ) from error


def predict(loaded: Any, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The outputs for many samples, by batches of the model's own size; LCE's `predict` knows a batch of 1 alone.

    # Arguments
        loaded: of `interpreter`.
        inputs: an array for each input, of its type, that fills whole batches.

    # Returns
        An array for each output.
    """
    size = loaded.input_shapes[0][0]
    parts = [
        # it gives views of its own memory
        [np.array(values) for values in loaded.interpreter.predict([array[at : at + size] for array in inputs])]
        for at in range(0, len(inputs[0]), size)
    ]
    return [np.concatenate(values) for values in zip(*parts, strict=True)]
