"""What a flatbuffer is made of: which convolutions are binary, which stayed float, and why."""

import os
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from larq_el.convert.advice import Advice, advice_for
from larq_el.convert.reasons import why_float
from larq_el.errors import UserError
from larq_el.tflite.flatbuffer import DAMAGE, Flatbuffer, Operator
from larq_el.tflite.operators import BCONV, LCE_OPERATORS, is_zero_padded
from larq_el.tflite.runtimes import TFLITE_CUSTOM, Runtime, runtimes_of, tried

"""LCE's code of the padding."""
FLOAT_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "CONV_3D", "FULLY_CONNECTED")


@dataclass(frozen=True)
class Convolution:
    """A convolution or dense layer of a flatbuffer.

    # Attributes
        layer: the Keras layer's name, or the operator's output where no Keras model is given.
        operator: "LceBconv2d", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", ...
        binary: whether it runs on bits.
        reason: why it is float; "" for a binary one.
        kernel: (height, width, input channels, output channels).
        macs: multiply-accumulates for one image; of one in the body of a loop, for a round of it.
        bytes: size of its weights.
        binary_in_keras: whether it multiplies signs with signs in the Keras model; None where none is given.
        avoidable: whether it is float although LCE can run such a layer on bits.
        node: position of its operator in its graph.
        graph: of the flatbuffer; behind the first stand bodies of loops and branches, and other signatures.
        fault: why it gives wrong values, such as by LCE's fast kernels; "" where it does not.
    """

    layer: str
    operator: str
    binary: bool
    reason: str
    kernel: tuple[int, ...]
    macs: int
    bytes: int
    binary_in_keras: bool | None = None
    avoidable: bool = False
    node: int = 0
    graph: int = 0
    fault: str = ""

    @property
    def place(self) -> tuple[int, int]:
        """Its graph, and the position of its operator there."""
        return self.graph, self.node


@dataclass(frozen=True)
class FloatCheck:
    """A flatbuffer with a quantized float rest, against the one with float32.

    # Attributes
        float_ops: what the rest computes with.
        samples: number of samples that are compared.
        agreement: share of the samples with the same most likely class as before, 0 to 1; of an output without classes,
            with values that do not differ; of several outputs, the least.
        top1_before, top1_after: accuracy, 0 to 1; None where the classes are not known.
        bytes_before, bytes_after: sizes of the files.
        calibrated_on: number of other samples, which the ranges of the activations are from; 0 where none are needed.
        top1_error: standard error of `top1_after - top1_before`, from the samples that one of the two alone gets
            right. A difference that is not twice as large may be chance.
    """

    float_ops: str
    samples: int
    agreement: float
    top1_before: float | None
    top1_after: float | None
    bytes_before: int
    bytes_after: int
    calibrated_on: int = 0
    top1_error: float | None = None


@dataclass(frozen=True)
class Folding:
    """What was taken out of a flatbuffer because inference does not need it.

    # Attributes
        operators: how many of each kind; none where the result would have differed.
        refused: the first tensor that would have differed though all that it is computed from is the same, "" for none.
        samples: number of samples on which the flatbuffers before and after are compared; 0 where none were given.
        agreement: share of them that agree, 0 to 1, as of `FloatCheck`; None without samples.
        max_abs_diff: the largest difference of their outputs; None without samples.
    """

    operators: dict[str, int]
    refused: str = ""
    samples: int = 0
    agreement: float | None = None
    max_abs_diff: float | None = None


@dataclass(frozen=True)
class Proof:
    """What was compared with the Keras model before a flatbuffer was kept.

    # Attributes
        samples: number of samples: the first of those that were given, or random ones.
        runtimes: in which it was compared.
        compared: number of tensors inside it that are what layers of the model compute from equal inputs.
        random: layers that compute something else each time, so that they cannot be compared.
        unproven: layers that could not be compared because they take signs inside, which rounding turns over, or that
            LCE is known to compute wrongly.
        refused: what a runtime said that has all operators and cannot run the file, by its name.
    """

    samples: int
    runtimes: tuple[str, ...]
    compared: int
    random: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Port:
    """An input or an output of a flatbuffer: its name, shape and type."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Report:
    """What a flatbuffer is made of.

    # Attributes
        convolutions: in the order of execution.
        operators: how often each operator occurs.
        bytes: size of the file.
        inputs, outputs: the model's.
        operator_bytes: size of the constants of each kind of operator.
        runtimes: which can run the model, and what keeps the others from it.
        subgraphs: number of graphs; all else counts those behind the first too, which are bodies of loops and branches
            or other signatures.
        unresolved: custom operators that are neither TFLite's nor LCE's: no runtime of theirs can run the file.
        float_check: what fewer bits in the float rest cost on samples; None where none were given.
        folding: what the conversion took out; None where it took nothing out, or the conversion is not known.
        advice: what would make the model faster.
        proof: what was compared with the Keras model; None where nothing was.
    """

    convolutions: tuple[Convolution, ...]
    operators: dict[str, int]
    bytes: int
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    operator_bytes: dict[str, int] = field(default_factory=dict)
    runtimes: tuple[Runtime, ...] = ()
    subgraphs: int = 1
    unresolved: tuple[str, ...] = ()
    float_check: FloatCheck | None = None
    folding: Folding | None = None
    advice: tuple[Advice, ...] = ()
    proof: Proof | None = None

    @property
    def binary_macs(self) -> int:
        """Multiply-accumulates that run on bits, for one image."""
        return sum(conv.macs for conv in self.convolutions if conv.binary)

    @property
    def float_macs(self) -> int:
        """All other multiply-accumulates, for one image."""
        return sum(conv.macs for conv in self.convolutions if not conv.binary)

    @property
    def binary_bytes(self) -> int:
        """Bytes of the weights of binary convolutions, their multipliers and biases with them."""
        return sum(conv.bytes for conv in self.convolutions if conv.binary)

    @property
    def float_bytes(self) -> int:
        """Bytes of all other constants."""
        return sum(self.operator_bytes.values()) - self.binary_bytes

    @property
    def lost(self) -> list[Convolution]:
        """Convolutions that are binary in Keras, could be here, and are not."""
        return [conv for conv in self.convolutions if conv.avoidable]

    @property
    def faulty(self) -> list[Convolution]:
        """Convolutions that LCE's fast kernels compute wrongly."""
        return [conv for conv in self.convolutions if conv.fault]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "bytes": self.bytes,
            "binary_macs": self.binary_macs,
            "float_macs": self.float_macs,
            "binary_bytes": self.binary_bytes,
            "float_bytes": self.float_bytes,
            "operators": self.operators,
            "operator_bytes": self.operator_bytes,
            "inputs": [asdict(port) for port in self.inputs],
            "outputs": [asdict(port) for port in self.outputs],
            "runtimes": [{**asdict(runtime), "runs": runtime.runs} for runtime in self.runtimes],
            "subgraphs": self.subgraphs,
            "unresolved": self.unresolved,
            "float_check": None if self.float_check is None else asdict(self.float_check),
            "folding": None if self.folding is None else asdict(self.folding),
            "proof": None if self.proof is None else asdict(self.proof),
            "advice": [asdict(advice) for advice in self.advice],
            "convolutions": [asdict(conv) for conv in self.convolutions],
        }


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
