"""Takes out sums with zeros, such as of a branch whose weights are zero."""

from larq_el.convert.folding.factors import WEIGHTED
from larq_el.tflite.editor import Editor
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.graph import Operator, Tensor


def drop_zeros(flatbuffer: Flatbuffer, editor: Editor) -> None:
    """Takes out sums with zeros; what computed them is read by nothing then.

    # Arguments
        flatbuffer: the model.
        editor: of that model.
    """
    zeros: set[int] = set()
    for operator in flatbuffer.operators:
        if _gives_zeros(operator, zeros):
            zeros.add(operator.outputs[0].index)
        if operator.name != "ADD" or operator.activation != "NONE" or operator.outputs[0].index in flatbuffer.outputs:
            continue
        for kept, zero in (operator.inputs, operator.inputs[::-1]):
            if zero and kept and _is_zero(zero, zeros) and kept.shape == operator.outputs[0].shape:
                editor.bypass(operator, kept)
                break


def _gives_zeros(operator: Operator, zeros: set[int]) -> bool:
    """Whether an operator fills with zeros, or has weights that are zero; its inputs are taken to be finite."""
    known = [one is None or _is_zero(one, zeros) for one in operator.inputs]
    if operator.name == "FILL":
        return known[1]
    return operator.name in WEIGHTED and len(known) > 1 and all(known[1:])


def _is_zero(tensor: Tensor, zeros: set[int]) -> bool:
    constant = tensor.data is not None and tensor.dtype == "float32" and not tensor.data.any()
    return constant or tensor.index in zeros
