"""Folds the positive factors s of a BatchNorm in front of a sign: sign(s x + b) is sign(x + b / s).

Real-to-Binary's gate reads the mean of such a BatchNorm's output as well; the weights behind that take s in.
"""

import numpy as np

from larq_el.convert.folding.channels import channel_constant
from larq_el.convert.folding.factors import has_constant_weights
from larq_el.tflite.editor import Editor
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.graph import Operator, Tensor
from larq_el.tflite.operators import QUANTIZE


def fold_signs(flatbuffer: Flatbuffer, editor: Editor) -> dict[int, np.ndarray]:
    """Takes out products with positive constants that only signs see.

    # Arguments
        flatbuffer: the model.
        editor: of that model.

    # Returns
        What each tensor that is changed is multiplied by from now on.
    """
    scales = {}
    for product in flatbuffer.operators:
        inputs = channel_constant(product) if product.name == "MUL" else None
        if inputs is None or not (inputs[0] > 0.0).all():
            continue
        factor, source = inputs
        shift = _only_shift(product.outputs[0], flatbuffer)
        last = (shift or product).outputs[0]
        weighted = _behind_signs_and_means(last, flatbuffer)
        if weighted is None:
            continue
        if shift is not None:
            editor.rescale(shift, 1.0 / factor)
        editor.bypass(product, source)
        for tensor in (last, *(operator.input(0) for operator in weighted)):
            scales[tensor.index] = 1.0 / factor
        for operator in weighted:
            # the input channels are the last axis of both kinds of weights
            editor.rescale(operator, factor, (1,))
    return scales


def _only_shift(tensor: Tensor, flatbuffer: Flatbuffer) -> Operator | None:
    """The sum with a constant that alone reads a tensor."""
    readers = flatbuffer.readers.get(tensor.index, [])
    alone = len(readers) == 1 and tensor.index not in flatbuffer.outputs
    return readers[0] if alone and readers[0].name == "ADD" and channel_constant(readers[0]) is not None else None


def _behind_signs_and_means(tensor: Tensor, flatbuffer: Flatbuffer) -> list[Operator] | None:
    """The layers whose weights can take a factor of `tensor`'s channels in; None where anything else reads it."""
    found: list[Operator] = []
    readers = flatbuffer.readers.get(tensor.index, [])
    for reader in readers:
        if reader.name == QUANTIZE:
            continue
        mean = reader.outputs[0]
        behind = flatbuffer.readers.get(mean.index, [])
        fits = all(one.name in ("CONV_2D", "FULLY_CONNECTED") and has_constant_weights(one) for one in behind)
        if not (_is_spatial_mean(reader) and fits) or mean.index in flatbuffer.outputs:
            return None
        if any(one.input(1).shape[-1] != tensor.shape[-1] for one in behind):
            return None
        found += behind
    return found if readers and tensor.index not in flatbuffer.outputs else None


def _is_spatial_mean(operator: Operator) -> bool:
    """Whether it is a mean that keeps the channels apart."""
    axes = operator.input(1).data if operator.name == "MEAN" else None
    rank = len(operator.input(0).shape)
    return axes is not None and all(axis % rank != rank - 1 for axis in axes.ravel().tolist())
