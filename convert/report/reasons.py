"""Why a convolution of a flatbuffer is float, read from the graph around it."""

import numpy as np

from larq_el.tflite.graph import Graph, Operator
from larq_el.tflite.operators import DEQUANTIZE, MOVING

FULL_PRECISION = "full precision"
IMPOSSIBLE = {
    "DEPTHWISE_CONV_2D": "LCE has no binary depthwise convolution",
    "FULLY_CONNECTED": "LCE has no binary dense layer; a 1x1 QuantConv2D on a 1x1 image computes the same",
    "TRANSPOSE_CONV": "LCE has no binary transposed convolution",
    "CONV_3D": "LCE has no binary 3-D convolution",
}
"""What no version of LCE can run on bits."""


def why_float(operator: Operator, graph: Graph, *, binary_in_keras: bool | None = None) -> str:
    """Explains a float convolution.

    # Arguments
        operator: the convolution.
        graph: what it stands in.
        binary_in_keras: whether the Keras layer is binary; None where it is not known, then its kernel and input tell.

    # Returns
        "full precision" for a layer that was never binary, or the type of its weights such as "int8"; a sentence's
        worth otherwise.
    """
    between, signs = _between_signs_and(operator, graph)
    kernel = _kernel_kind(operator)
    if binary_in_keras is None:
        binary_in_keras = signs and kernel == "binary"
    if not binary_in_keras:
        if kernel == "binary":
            return "only its kernel is binary; LCE runs a convolution on bits where its input is binary too"
        if signs and kernel == "float":
            return "only its input is binary"
        dtype = operator.input(1).dtype
        return dtype if dtype.startswith("int") else FULL_PRECISION
    if operator.name in IMPOSSIBLE:
        return IMPOSSIBLE[operator.name]
    if not signs:
        return "the converter did not recognise its input as signs; use a Larq quantizer as its input_quantizer"
    if any("PAD" in name for name in between):
        return "its padding is not one that LCE fuses; use padding='same' with pad_values 0 or 1, or 'valid'"
    if between:
        return (
            f"a {' and a '.join(between)} stands between its sign and the convolution; "
            "put the quantizer behind it, directly before the convolution (input_quantizer=...)"
        )
    groups = _groups(operator)
    if groups > 1 and operator.input(1).shape[3] % 32:
        return f"it has {groups} groups of {operator.input(1).shape[3]} channels; LCE takes multiples of 32 channels"
    if kernel != "binary":
        return "its kernel's values do not have one magnitude for each output channel (zeros, or more than two values)"
    return "the converter kept it in float"


def _between_signs_and(operator: Operator, graph: Graph) -> tuple[list[str], bool]:
    """Operators between the signs and a convolution, and whether signs are found at all."""
    between: list[str] = []
    tensor = operator.inputs[2] if operator.name == "TRANSPOSE_CONV" else operator.inputs[0]
    while tensor is not None and tensor.index in graph.producers:
        producer = graph.producers[tensor.index]
        if producer.name == DEQUANTIZE:
            return between[::-1], True
        if producer.name not in MOVING:
            break
        between.append(producer.name)
        tensor = next((source for source in producer.inputs if source is not None and source.data is None), None)
    return [], False


def _groups(operator: Operator) -> int:
    channels = operator.input(0).shape[-1]
    return channels // operator.input(1).shape[3] if operator.name == "CONV_2D" else 1


def _kernel_kind(operator: Operator) -> str:
    """ "binary" where each output channel's values have one magnitude, "float" otherwise, "unknown" without values."""
    values = operator.inputs[1].data if len(operator.inputs) > 1 and operator.inputs[1] is not None else None
    if values is None or values.dtype not in (np.float32, np.float16):
        return "unknown"
    axes = (0, 1, 2) if operator.name == "DEPTHWISE_CONV_2D" else tuple(range(1, values.ndim))
    magnitudes = np.abs(values.astype(np.float32))
    low, high = magnitudes.min(axis=axes), magnitudes.max(axis=axes)
    if magnitudes.size == low.size:
        return "float"  # one value a channel always has one magnitude
    with np.errstate(all="ignore"):  # a damaged file may hold any value
        return "binary" if bool(np.all((low > 0.99 * high) & (high > 0))) else "float"
