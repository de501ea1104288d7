"""Folds constants for each channel into binary convolutions that do not stand directly before them.

LCE folds a BatchNorm directly behind a binary convolution. This folds one behind a product with K, whose factor passes
to the convolution, and one behind a sum of convolutions, each of which takes the factor and one of them the shift.
"""

import numpy as np

from larq_el.tflite.editor import Editor
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.graph import Operator, Tensor
from larq_el.tflite.operators import BCONV, BIAS, MULTIPLIER

SMALLEST = 1e-15
"""Factors below this, or beyond its inverse, stay where they are."""


def fold_products(flatbuffer: Flatbuffer, editor: Editor) -> dict[int, np.ndarray]:
    """Folds products with a constant for each channel, of several that concern one convolution the first.

    # Arguments
        flatbuffer: the model.
        editor: of that model.

    # Returns
        The constants, by the tensors that they multiply from now on.
    """
    scales: dict[int, np.ndarray] = {}
    for operator, constant, source in _with_channel_constants("MUL", flatbuffer):
        scaled = _scaled(source, flatbuffer)
        if any(tensor.index in scales for tensor in scaled):
            continue
        for tensor in scaled:
            scales[tensor.index] = constant
            producer = flatbuffer.producers[tensor.index]
            if producer.name == BCONV:
                _change(editor, producer, MULTIPLIER, _constant(producer, MULTIPLIER) * constant)
                _change(editor, producer, BIAS, _constant(producer, BIAS) * constant)
        if scaled:
            _take_out(operator, source, flatbuffer, editor)
    return scales


def fold_shifts(flatbuffer: Flatbuffer, editor: Editor) -> dict[int, np.ndarray]:
    """Folds sums with a constant for each channel, of several that concern one convolution the first.

    # Arguments
        flatbuffer: the model.
        editor: of that model.

    # Returns
        The constants, by the tensors to which they are added from now on.
    """
    shifts: dict[int, np.ndarray] = {}
    for operator, constant, source in _with_channel_constants("ADD", flatbuffer):
        shifted = _shifted(source, flatbuffer)
        if shifted and not any(tensor.index in shifts for tensor in shifted):
            shifts.update({tensor.index: constant for tensor in shifted})
            producer = flatbuffer.producers[shifted[-1].index]
            _change(editor, producer, BIAS, _constant(producer, BIAS) + constant)
            _take_out(operator, source, flatbuffer, editor)
    return shifts


def _take_out(operator: Operator, source: Tensor, flatbuffer: Flatbuffer, editor: Editor) -> None:
    if operator.outputs[0].index in flatbuffer.outputs:
        editor.take_over(operator.index, flatbuffer.producers[source.index].index)
    else:
        editor.bypass(operator, source)


def _with_channel_constants(name: str, flatbuffer: Flatbuffer) -> list[tuple[Operator, np.ndarray, Tensor]]:
    found = []
    for operator in flatbuffer.operators:
        if operator.name == name and (inputs := channel_constant(operator)) is not None:
            found.append((operator, *inputs))
    return found


def channel_constant(operator: Operator) -> tuple[np.ndarray, Tensor] | None:
    """Of a product or sum with a constant for each channel or one for all: that, (C,) or (1,), and the other input."""
    inputs = operator.constant_and_other()
    if inputs is None or operator.activation != "NONE":
        return None
    constant, source = inputs
    fits = constant.size == 1 or constant.size == constant.shape[-1] == source.shape[-1]
    if operator.name == "MUL":
        # what is folded has to be undone where the result is compared with Keras
        magnitudes = np.abs(constant)
        fits = fits and bool(np.all((magnitudes > SMALLEST) & (magnitudes < 1 / SMALLEST)))
    if not fits or source.dtype != "float32" or source.shape != operator.outputs[0].shape:
        return None
    return constant.ravel().astype(np.float64), source


def _scaled(tensor: Tensor, flatbuffer: Flatbuffer) -> list[Tensor]:
    """The tensors to multiply so that `tensor` is, from it back to binary convolutions; none where that is not so."""
    return _reached(tensor, flatbuffer, through_all=("ADD", "ADD_N"), through_one=("MUL",))


def _shifted(tensor: Tensor, flatbuffer: Flatbuffer) -> list[Tensor]:
    """The tensors to add to, from `tensor` back to one binary convolution; none where there is none."""
    return _reached(tensor, flatbuffer, through_all=(), through_one=("ADD", "ADD_N"))


def _reached(
    tensor: Tensor, flatbuffer: Flatbuffer, through_all: tuple[str, ...], through_one: tuple[str, ...]
) -> list[Tensor]:
    """The tensors from one back to binary convolutions: through every input of some operators, one input of others."""
    producer = flatbuffer.feeder(tensor)
    if producer is None or producer.activation != "NONE":
        return []
    if producer.name == BCONV:
        return [tensor] if takes_factors(producer) else []
    inputs = [
        # one channel that is spread over all of them cannot take a constant for each
        _reached(one, flatbuffer, through_all, through_one) if one is not None and one.shape == tensor.shape else []
        for one in producer.inputs
    ]
    if producer.name in through_all and all(inputs):
        return [tensor, *(one for each in inputs for one in each)]
    if producer.name in through_one and any(inputs):
        return [tensor, *next(filter(None, inputs))]
    return []


def takes_factors(convolution: Operator) -> bool:
    """Whether a binary convolution gives real values, by constants that can be changed."""
    constants = convolution.inputs[MULTIPLIER : BIAS + 1]
    known = [one for one in constants if one is not None and one.data is not None and one.dtype == "float32"]
    return len(known) == 2 and convolution.outputs[0].dtype == "float32"


def _constant(convolution: Operator, position: int) -> np.ndarray:
    values = convolution.input(position).data
    assert values is not None, "checked by takes_factors"
    return values.astype(np.float64)


def _change(editor: Editor, convolution: Operator, position: int, values: np.ndarray) -> None:
    editor.set_constant(convolution.index, position, values.astype(np.float32))
