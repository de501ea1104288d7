"""What a flatbuffer is made of: which convolutions are binary, which stayed float, and why."""

import os
from collections import Counter
from dataclasses import replace
from math import prod

import numpy as np

from larq_el.convert.report.advice import advice_for
from larq_el.convert.report.reasons import why_float
from larq_el.convert.report.report import Convolution, Port, Report
from larq_el.errors import UserError
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.graph import Operator
from larq_el.tflite.operators import BCONV, LCE_OPERATORS, is_zero_padded
from larq_el.tflite.packing import DAMAGE
from larq_el.tflite.runtimes import TFLITE_CUSTOM, runtimes_of, tried

FLOAT_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "CONV_3D", "FULLY_CONNECTED")


def inspect(flatbuffer: bytes | str | os.PathLike[str] | Flatbuffer, *, trial: bool = True) -> Report:
    """Reports what a TFLite flatbuffer is made of, without its Keras model.

    # Arguments
        flatbuffer: the bytes, or the path of the file.
        trial: whether to try one inference in each runtime that has all operators and is installed, in a process of its
            own: kernels refuse what a list of operators does not show.

    # Returns
        A `Report`; its layers are named after the flatbuffer's tensors.

    # Raises
        ValueError: where it is not a whole TFLite model.
    """
    flatbuffer = flatbuffer if isinstance(flatbuffer, Flatbuffer) else Flatbuffer(flatbuffer)
    report = structure(flatbuffer)
    try:
        explained = tuple(conv if conv.binary else _explained(conv, flatbuffer) for conv in report.convolutions)
        advice = advice_for(flatbuffer, {conv.place: conv.layer for conv in explained})
    except DAMAGE as error:
        raise error if isinstance(error, UserError) else flatbuffer.damaged(error) from error
    runtimes = tried(report.runtimes, flatbuffer) if trial else report.runtimes
    return replace(report, convolutions=explained, advice=advice, runtimes=runtimes)


def _explained(conv: Convolution, flatbuffer: Flatbuffer) -> Convolution:
    graph = flatbuffer.graphs[conv.graph]
    return replace(conv, reason=why_float(graph.operators[conv.node], graph))


def structure(flatbuffer: Flatbuffer) -> Report:
    """As `inspect`, without the reasons: those who know the Keras model can tell better ones.

    # Arguments
        flatbuffer: the model.

    # Raises
        ValueError: where a convolution is not one.
    """
    try:
        convolutions = tuple(
            _convolution(operator, graph.index)
            for graph in flatbuffer.graphs
            for operator in graph.operators
            if operator.name == BCONV or operator.name in FLOAT_CONVOLUTIONS
        )
    except DAMAGE as error:
        raise error if isinstance(error, UserError) else flatbuffer.damaged(error) from error
    operators = flatbuffer.all_operators
    known = LCE_OPERATORS | TFLITE_CUSTOM
    unresolved = sorted({node.name for node in operators if node.custom and node.name not in known})
    return Report(
        convolutions,
        dict(Counter(operator.name for operator in operators).most_common()),
        len(flatbuffer.content),
        inputs=_ports(flatbuffer, flatbuffer.inputs),
        outputs=_ports(flatbuffer, flatbuffer.outputs),
        operator_bytes=_operator_bytes(flatbuffer),
        runtimes=runtimes_of(operators),
        subgraphs=len(flatbuffer.graphs),
        unresolved=tuple(unresolved),
    )


def _ports(flatbuffer: Flatbuffer, indices: list[int]) -> tuple[Port, ...]:
    tensors = [flatbuffer.tensors[index] for index in indices]
    return tuple(Port(tensor.name, tensor.shape, tensor.dtype) for tensor in tensors)


def _operator_bytes(flatbuffer: Flatbuffer) -> dict[str, int]:
    """Each constant once, with the first operator that reads it; what turns it to float32 in front is passed over."""
    counted: set[tuple[int, int]] = set()
    sizes: Counter[str] = Counter()
    for graph in flatbuffer.graphs:
        for operator in graph.operators:
            for tensor in operator.inputs if operator.name != "DEQUANTIZE" else ():
                if tensor is not None and tensor.data is not None and (graph.index, tensor.index) not in counted:
                    counted.add((graph.index, tensor.index))
                    sizes[operator.name] += tensor.nbytes
    return {name: size for name, size in sizes.most_common() if size}


def _convolution(operator: Operator, graph: int) -> Convolution:
    binary = operator.name == BCONV
    kernel = _kernel_shape(operator)
    output = operator.outputs[0]
    # a transposed convolution applies its kernel once for each input pixel
    pixels = operator.input(2).shape[1:3] if operator.name == "TRANSPOSE_CONV" else output.shape[1:-1]
    return Convolution(
        layer=output.name.split(";")[0],
        operator=operator.name,
        binary=binary,
        reason="",
        kernel=kernel,
        macs=prod(kernel) * prod(pixels),
        bytes=sum(tensor.nbytes for tensor in operator.inputs if tensor is not None),
        node=operator.index,
        graph=graph,
        fault=_not_finite(operator) or (_fault(operator) if binary else ""),
    )


def _not_finite(operator: Operator) -> str:
    constants = (tensor.data for tensor in operator.inputs if tensor is not None and tensor.data is not None)
    bad = any(values.dtype.kind == "f" and not np.isfinite(values).all() for values in constants)
    return "its weights hold NaN or infinite values; convert an earlier checkpoint" if bad else ""


def _fault(operator: Operator) -> str:
    """LCE 0.16: zero padding around an image that is smaller than the kernel. Its reference kernel is right."""
    _, *kernel, _ = operator.input(1).shape
    _, *image, _ = operator.input(0).shape
    dilation = [operator.options.get(f"dilation_{axis}_factor", 1) for axis in ("height", "width")]
    window = [(size - 1) * factor + 1 for size, factor in zip(kernel, dilation, strict=True)]
    if not is_zero_padded(operator) or all(size >= wanted for size, wanted in zip(image, window, strict=True)):
        return ""
    return (
        f"LCE's fast kernels compute a zero-padded {window[0]}x{window[1]} wrongly on an image of {image[0]}x{image[1]}"
        "; use larger images or pad_values=1"
    )


def _kernel_shape(operator: Operator) -> tuple[int, ...]:
    """(height, width, input channels of a group, output channels); a dense layer is a 1x1."""
    shape = operator.input(1).shape
    if operator.name == "FULLY_CONNECTED":
        return (1, 1, shape[1], shape[0])
    if operator.name == "DEPTHWISE_CONV_2D":
        return (shape[1], shape[2], 1, shape[3])
    if operator.name == "CONV_3D":
        return shape
    if operator.name == BCONV:
        channels = operator.options.get("channels_in", 32 * shape[3])
        # of a grouped convolution the filter holds one group's words
        return (shape[1], shape[2], min(channels, 32 * shape[3]), shape[0])
    return (shape[1], shape[2], shape[3], shape[0])


def kernel_signs(operator: Operator) -> np.ndarray | None:
    """Whether each kernel value is positive, (height, width, input channels, output channels); None where unknown.

    These survive conversion: BatchNorm's scale is folded into a float kernel, and a binary one is bits alone.
    """
    values = operator.input(1).data
    if values is None or operator.name not in (BCONV, "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        return None
    height, width, channels, filters = _kernel_shape(operator)
    if operator.name == BCONV:
        bits = np.unpackbits(values.view(np.uint8), axis=-1, bitorder="little")
        # bit 1 is -1
        return (bits[..., :channels] == 0).transpose(1, 2, 3, 0)
    if values.size != height * width * channels * filters:
        return None
    if operator.name == "DEPTHWISE_CONV_2D":
        return values.reshape(height, width, 1, filters) > 0
    return values.reshape(filters, height, width, channels).transpose(1, 2, 3, 0) > 0
