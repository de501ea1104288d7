"""The grids of LCE's own tests, on the native kernels: each output is LCE's to the bit.

    python tests/runtime/lce_grid.py [--share 1.0]

The figures are those of `larq_compute_engine/tflite/tests/{bconv2d,bmaxpool,quantization}_test.cc` in
larq/compute-engine. Where LCE's tests compare with TFLite's float convolution within a tolerance, this compares with
LCE itself, and wants equality. A run is one case with one kernel, one number of threads, fused or not. All cases of an
input share a flatbuffer. Exit 1 where a run differs.
"""

import argparse
import itertools
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from larq_el.runtime import available_isas, load_delegate
from larq_el.runtime.interpreter import stock_interpreter
from larq_el.tflite.lce import lce

SAME, VALID = 0, 1
NO_ACTIVATION, RELU = 0, 1
PADDINGS = {"valid": (VALID, 0), "zero": (SAME, 0), "one": (SAME, 1)}
WORD = 32
TYPES = schema.TensorType
KINDS = {"float": TYPES.FLOAT32, "int8": TYPES.INT8, "bits": TYPES.INT32, "bool": TYPES.BOOL}
"""What an operator gives, or takes the signs of."""


@dataclass(frozen=True)
class Case:
    """One operator: its options, and the shape of its filter for a convolution (height, width, outputs)."""

    operator: str
    options: dict[str, int]
    filter: tuple[int, int, int] = (0, 0, 0)
    groups: int = 1
    output: str = "bits"

    @property
    def zero_padded(self) -> bool:
        """Whether zeros stand around the image."""
        return self.options["padding"] == SAME and not self.options["pad_values"]


# input (batch, height, width, channels); filter; groups; stride; dilation; padding; activation
BCONV2D = {
    "SmallTest": (
        [(1, 4, 4, channels) for channels in (4, 64, 96, 128, 192, 256)],
        [(1, 1, 1), (3, 3, 4), (3, 3, 64)],
        (1, 2),
        [(1, 1)],
        [(1, 1)],
        ("valid", "one"),
        (NO_ACTIVATION,),
    ),
    "16BitOverflow": (
        [(1, 6, 6, 3072)],
        [(5, 5, 4)],
        (1,),
        [(1, 1)],
        [(1, 1)],
        ("valid", "one"),
        (NO_ACTIVATION, RELU),
    ),
    "BigTest": (
        [(1, 7, 7, 4), (3, 8, 5, 64), (5, 7, 7, 96), (1, 8, 5, 128), (1, 7, 7, 192), (1, 8, 5, 256), (1, 7, 7, 512)],
        [(1, 1, 1), (3, 3, 1), (2, 3, 2), (1, 1, 3), (3, 3, 4), (2, 3, 5), (1, 1, 6), (3, 3, 7), (2, 3, 32)],
        (1, 2, 4),
        [(1, 1), (2, 3)],
        [(1, 1), (3, 2)],
        ("valid", "zero", "one"),
        (NO_ACTIVATION, RELU),
    ),
}
BMAXPOOL = (
    [(1, 7, 7, 1), (1, 8, 5, 1), (2, 7, 7, 64), (2, 8, 5, 64), (1, 7, 7, 130), (1, 8, 5, 200)],
    [(1, 1), (2, 2), (2, 3), (3, 3)],
    [(1, 1), (2, 2), (2, 3)],
    (VALID, SAME),
)
QUANTIZE = [(1, 1, 1, 1), *((1, 4, 4, channels) for channels in (1, 2, 31, 32, 33, 64, 68))]
Shape = tuple[int, int, int, int]
Grid = Iterator[tuple[Shape, str, list[Case]]]
"""An input's shape, what it holds, and the cases of it."""


def convolutions(suite: str) -> Grid:
    """The cases of each input shape; what the operator does not know (uneven groups) is left out, as there."""
    inputs, *others = BCONV2D[suite]
    for shape in inputs:
        cases = []
        for filter_, groups, stride, dilation, padding, activation in itertools.product(*others):
            if shape[3] % groups or filter_[2] % groups or (groups > 1 and shape[3] // groups % WORD):
                continue
            options = dict(
                channels_in=shape[3],
                stride_height=stride[0],
                stride_width=stride[1],
                dilation_height_factor=dilation[0],
                dilation_width_factor=dilation[1],
                padding=PADDINGS[padding][0],
                pad_values=PADDINGS[padding][1],
                fused_activation_function=activation,
            )
            cases += [Case("LceBconv2d", options, filter_, groups, output) for output in ("float", "int8", "bits")]
        yield shape, "float", cases


def pools() -> Grid:
    """The cases of each input shape."""
    inputs, filters, strides, paddings = BMAXPOOL
    for shape in inputs:
        names = ("filter_height", "filter_width", "stride_height", "stride_width", "padding")
        yield (
            shape,
            "float",
            [
                Case("LceBMaxPool2d", dict(zip(names, (*kernel, *stride, padding), strict=True)))
                for kernel, stride, padding in itertools.product(filters, strides, paddings)
            ],
        )


def quantizations() -> Grid:
    """Signs of floats, int8 and bool, and each of these of signs."""
    for shape, kind in itertools.product(QUANTIZE, ("float", "int8", "bool")):
        yield shape, kind, [Case("LceDequantize", {}, output=output) for output in ("float", "int8", "bool")]


class Builder:
    """A flatbuffer of one input, its signs, and operators of these, each with an output."""

    def __init__(self, shape: Shape, kind: str = "float", seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers, self.model.operatorCodes = [schema.BufferT()], []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators, self.graph.outputs = [], [], []
        self.model.subgraphs = [self.graph]
        self.shape = shape
        self.graph.inputs = [self.tensor(shape, KINDS[kind], quantized=kind == "int8")]
        self.signs = self.tensor((*shape[:3], -(-shape[3] // WORD)), TYPES.INT32)
        self.operator("LceQuantize", self.graph.inputs, [self.signs], {})

    def tensor(self, shape: tuple[int, ...], kind: int, data: np.ndarray | None = None, quantized: bool = False) -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = list(shape), kind, 0
        tensor.name = str(len(self.graph.tensors))
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        if quantized:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = [float(self.rng.uniform(0.05, 3))]
            tensor.quantization.zeroPoint = [int(self.rng.integers(-20, 20))]
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(self, name: str, inputs: list[int], outputs: list[int], options: dict[str, int]) -> None:
        names = [code.customCode for code in self.model.operatorCodes]
        if name not in names:
            code = schema.OperatorCodeT()
            code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
            code.customCode, code.version = name, 1
            self.model.operatorCodes.append(code)
            names.append(name)
        operator = schema.OperatorT()
        operator.opcodeIndex = names.index(name)
        operator.inputs, operator.outputs = inputs, outputs
        operator.customOptions = list(flexbuffers.Dumps(options))
        self.graph.operators.append(operator)

    def add(self, case: Case) -> None:
        shape = self._convolved(case) if case.operator == "LceBconv2d" else self._pooled(case)
        if case.operator == "LceDequantize":
            shape = self.shape
        if case.output == "bits":
            shape = (*shape[:3], -(-shape[3] // WORD))
        output = self.tensor(shape, KINDS[case.output], quantized=case.output == "int8")
        inputs = [self.signs, *(self._constants(case) if case.operator == "LceBconv2d" else [])]
        self.operator(case.operator, inputs, [output], case.options)
        self.graph.outputs.append(output)

    def _constants(self, case: Case) -> list[int]:
        height, width, channels = case.filter
        words = -(-self.shape[3] // case.groups // WORD)
        rest = self.shape[3] // case.groups % WORD
        bits = self.rng.integers(0, 1 << 32, (channels, height, width, words), np.uint32)
        if rest:
            bits[..., -1] &= (1 << rest) - 1
        weights = self.tensor(bits.shape, TYPES.INT32, bits)
        if case.output == "bits":
            span = height * width * self.shape[3] // case.groups
            thresholds = self.rng.integers(-span // 2, span // 2 + 1, channels, np.int32)
            found = self.tensor((channels,), TYPES.INT32, thresholds)
            # LCE's reference kernel reads what it has no use for where it pads with zeros
            unused = self.tensor((channels,), TYPES.FLOAT32, np.ones(channels, np.float32)) if case.zero_padded else -1
            return [weights, unused, unused, found]
        post = [self.rng.uniform(0.01, 1.5, channels).astype(np.float32) for _ in range(2)]
        return [weights, *(self.tensor((channels,), TYPES.FLOAT32, array) for array in post), -1]

    def _convolved(self, case: Case) -> Shape:
        height, width, channels = case.filter
        along = [
            _size(size, kernel, case.options[f"stride_{name}"], case.options[f"dilation_{name}_factor"], case.options)
            for name, size, kernel in zip(("height", "width"), self.shape[1:3], (height, width), strict=True)
        ]
        return (self.shape[0], *along, channels)

    def _pooled(self, case: Case) -> Shape:
        if case.operator != "LceBMaxPool2d":
            return self.shape
        along = [
            _size(size, case.options[f"filter_{name}"], case.options[f"stride_{name}"], 1, case.options)
            for name, size in zip(("height", "width"), self.shape[1:3], strict=True)
        ]
        return (self.shape[0], *along, self.shape[3])

    def content(self) -> bytes:
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def _size(size: int, kernel: int, stride: int, dilation: int, options: dict[str, int]) -> int:
    if options["padding"] == SAME:
        return -(-size // stride)
    return (size - (kernel - 1) * dilation - 1) // stride + 1


def reference_outputs(content: bytes, x: np.ndarray) -> list[np.ndarray]:
    """What LCE's reference kernel computes."""
    outputs: Any = lce.testing.Interpreter(content, use_reference_bconv=True).interpreter.predict([x])
    return [np.array(output) for output in outputs]


def native_outputs(content: bytes, x: np.ndarray, isa: str, threads: int, fuse: str) -> list[np.ndarray]:
    """What a native kernel computes."""
    model = stock_interpreter(content, num_threads=threads, delegate=load_delegate(isa=isa, fuse=fuse))
    model.set_tensor(model.get_input_details()[0]["index"], x)
    model.invoke()
    return [model.get_tensor(detail["index"]) for detail in model.get_output_details()]


def samples(shape: Shape, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Values of an input."""
    if kind == "float":
        return rng.standard_normal(shape, dtype=np.float32)
    return rng.integers(-128, 128, shape, np.int8) if kind == "int8" else rng.random(shape) < 0.5


@dataclass
class Result:
    """How many runs there were, and the cases that differ."""

    runs: int
    different: Counter[str]


def run(shape: Shape, kind: str, cases: list[Case], share: float = 1.0, seed: int = 0) -> Result:
    """Runs cases of one input with each kernel that this CPU has.

    # Arguments
        shape: of the input.
        kind: what it holds.
        cases: operators.
        share: of the cases to draw, one at least.
        seed: of the values, and of what is drawn.
    """
    builder = Builder(shape, kind, seed)
    drawn = [case for case in cases if share >= 1 or builder.rng.random() < share] or cases[:1]
    for case in drawn:
        builder.add(case)
    content = builder.content()
    x = samples(shape, kind, builder.rng)
    expected = reference_outputs(content, x)
    result = Result(0, Counter())
    for isa, threads, fuse in itertools.product(available_isas(), (1, 2), ("on", "off")):
        got = native_outputs(content, x, isa, threads, fuse)
        for case, values, wanted in zip(drawn, got, expected, strict=True):
            result.runs += 1
            if values.dtype != wanted.dtype or not np.array_equal(values, wanted):
                result.different[f"{isa}: {case} of {shape} {kind}"] += 1
    return result


GRIDS = {
    **{f"bconv2d {suite}": lambda suite=suite: convolutions(suite) for suite in BCONV2D},
    "bmaxpool": pools,
    "quantize": quantizations,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="of the cases to draw")
    share = parser.parse_args().share
    print("kernels:", ", ".join(available_isas()))
    failed = False
    for name, grid in GRIDS.items():
        results = [run(*of_input, share) for of_input in grid()]
        runs = sum(result.runs for result in results)
        different = sum((result.different for result in results), Counter())
        equal = runs - different.total()
        print(f"{name}: {equal:,} of {runs:,} runs equal LCE's reference kernel to the bit", flush=True)
        for case, times in list(different.items())[:10]:
            print(f"  {times} x {case}")
        failed |= bool(different)
    sys.exit(failed)


if __name__ == "__main__":
    main()
