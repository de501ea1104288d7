"""What a report holds."""

from dataclasses import asdict, dataclass, field
from typing import Any

from larq_el.convert.report.advice import Advice
from larq_el.convert.report.tables import parts_of
from larq_el.tables import Parts, Shown
from larq_el.tflite.runtimes import Runtime


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
class Report(Shown):
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

    def parts(self) -> Parts:
        """Tables and sentences, which `print(report)` shows, and a notebook."""
        return parts_of(self)

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
