"""Reading TFLite flatbuffers: operators, their tensors and options, in plain Python objects."""

import math
import os
import struct
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from larq_el.errors import UserError, first_line
from larq_el.runtime.quantized import real, stored

IDENTIFIER = b"TFL3"
_OPERATOR_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
_ACTIVATIONS = {code: name for name, code in vars(schema.ActivationFunctionType).items() if isinstance(code, int)}
_TYPE_NAMES = {code: name.lower() for name, code in vars(schema.TensorType).items() if isinstance(code, int)}

_ITEM_SIZES = {"float64": 8, "int64": 8, "float32": 4, "int32": 4, "uint32": 4, "float16": 2, "int16": 2}

DAMAGE = (
    struct.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What the parsers raise where a file holds something else than they expect."""


@dataclass(frozen=True)
class Tensor:
    """A tensor of the graph.

    # Attributes
        index: in the flatbuffer.
        name: as the converter wrote it; LCE cuts names at 50 characters.
        shape: sizes, the batch first.
        dtype: such as "float32".
        data: the constant's values, None for an activation.
        scale, zero_point: of a tensor whose values are `scale * (stored - zero_point)`, one for all of it; None where
            it has none, or one for each channel.
        variable: whether its values outlive an inference.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    data: np.ndarray | None
    scale: float | None = None
    zero_point: int = 0
    variable: bool = False

    @property
    def holds_reals(self) -> bool:
        """Whether its values are real numbers, as they are or through a scale."""
        return self.dtype == "float32" or self.scale is not None

    @property
    def nbytes(self) -> int:
        """Bytes of the constant, 0 for an activation."""
        return 0 if self.data is None else self.data.nbytes


@dataclass(frozen=True)
class Operator:
    """A node of the graph, in the order of execution.

    # Attributes
        index: position in that order.
        name: "CONV_2D" for TFLite's own operators, "LceBconv2d" for custom ones.
        inputs, outputs: tensors; None for an optional input that is left out.
        options: the options of a custom operator.
        custom: whether it is not one of TFLite's own.
        activation: the activation fused into one of TFLite's own operators, "NONE" for none.
    """

    index: int
    name: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: dict[str, Any]
    custom: bool = False
    activation: str = "NONE"

    def input(self, position: int) -> Tensor:
        """The tensor of a required input."""
        tensor = self.inputs[position] if position < len(self.inputs) else None
        if tensor is None:
            raise UserError(f"the flatbuffer is damaged: operator {self.index}, {self.name}, lacks input {position}.")
        return tensor

    def constant_and_other(self) -> tuple[np.ndarray, Tensor] | None:
        """Of two inputs, the values of the float32 constant, and the other; None where not just one is constant."""
        if len(self.inputs) != 2:
            return None
        for one, other in (self.inputs, self.inputs[::-1]):
            if one is not None and one.data is not None and one.dtype == "float32" and other and other.data is None:
                return one.data, other
        return None


class Graph:
    """A graph of a TFLite model.

    # Attributes
        index: its position in the file; bodies of loops and branches, and other signatures, stand behind the first.
        tensors, operators: in the order of the file, which is that of execution.
        inputs, outputs: indices of its tensors.
    """

    index: int
    tensors: list[Tensor]
    operators: list[Operator]
    inputs: list[int]
    outputs: list[int]

    def _fill(self, model: Any, index: int) -> None:
        """Reads a graph of a model of objects."""
        graph = model.subgraphs[index]
        self.index = index
        tensors = self.tensors = [_tensor(model, at, tensor) for at, tensor in enumerate(graph.tensors)]
        self.inputs, self.outputs = list(graph.inputs), list(graph.outputs)
        for at in (*graph.inputs, *graph.outputs):
            _check_index(at, tensors)
        self.operators = [_operator(model, at, node, tensors) for at, node in enumerate(graph.operators)]

    @cached_property
    def producers(self) -> dict[int, Operator]:
        """The operator that computes each tensor, by the tensor's index."""
        return {tensor.index: operator for operator in self.operators for tensor in operator.outputs}

    @cached_property
    def readers(self) -> dict[int, list[Operator]]:
        """The operators that read each tensor, by the tensor's index; one that reads it twice is there twice."""
        readers: dict[int, list[Operator]] = {}
        for operator in self.operators:
            for tensor in operator.inputs:
                if tensor is not None:
                    readers.setdefault(tensor.index, []).append(operator)
        return readers

    def feeder(self, tensor: Tensor) -> Operator | None:
        """The operator that computes a tensor which is read once; None where it is read more often, or is an output."""
        alone = len(self.readers.get(tensor.index, ())) == 1 and tensor.index not in self.outputs
        return self.producers.get(tensor.index) if alone else None


class Flatbuffer(Graph):
    """A TFLite model, seen as its first graph; `graphs` has the others too.

    # Arguments
        source: the bytes of a flatbuffer, or its path.

    # Attributes
        metadata: the entries of the file's metadata, by their names.
        graphs: all of them, this one first.

    # Raises
        ValueError: where there is no such file, or it is not a whole TFLite model.
    """

    def __init__(self, source: bytes | str | os.PathLike[str]) -> None:
        self.content = source if isinstance(source, bytes) else _read(Path(source))
        name = "the flatbuffer" if isinstance(source, bytes) else repr(str(source))
        if self.content[4:8] != IDENTIFIER:
            raise UserError(f"{name} is not a TFLite model: its bytes 4 to 8 are not {IDENTIFIER.decode()!r}.")
        self.name = name
        try:
            _check_extent(self.content)
            self._read_model(unpack(self.content))
        except DAMAGE as error:
            raise self.damaged(error) from error

    @classmethod
    def of(cls, model: Any, content: bytes = b"") -> "Flatbuffer":
        """A model of objects, as `unpack` gives it, seen as a flatbuffer.

        # Arguments
            model: changes of it after this call are not seen.
            content: its bytes, where it was packed.
        """
        flatbuffer = cls.__new__(cls)
        flatbuffer.content, flatbuffer.name = content, "the flatbuffer"
        flatbuffer._read_model(model)
        return flatbuffer

    def _read_model(self, model: Any) -> None:
        self._model = model
        self._fill(model, 0)
        self.graphs: list[Graph] = [self]
        for index in range(1, len(model.subgraphs)):
            graph = Graph()
            graph._fill(model, index)
            self.graphs.append(graph)
        for index in (*self.signature_inputs.values(), *self.signature_outputs.values()):
            _check_index(index, self.tensors)
        self.metadata = self._metadata()

    def damaged(self, error: BaseException) -> UserError:
        """The error to raise where the file turns out to hold something else than it should."""
        return UserError(f"{self.name} is a damaged TFLite model: {first_line(error).rstrip('.')}.")

    @property
    def all_operators(self) -> list[Operator]:
        """The operators of all graphs."""
        return [operator for graph in self.graphs for operator in graph.operators]

    def with_outputs(self, tensors: list[int]) -> bytes:
        """The same model with other tensors as its outputs, so that an interpreter shows what is inside it.

        # Arguments
            tensors: indices of tensors of the first graph.
        """
        model, graph = self._model, self._model.subgraphs[0]
        before = graph.outputs, model.signatureDefs
        graph.outputs, model.signatureDefs = tensors, []
        try:
            return pack(model)
        finally:
            graph.outputs, model.signatureDefs = before

    def stored(self, tensor: int, reals: np.ndarray) -> np.ndarray:
        """What a tensor of the first graph holds for reals; integers are taken as they are.

        # Arguments
            tensor: its index.
            reals: of any shape.
        """
        described = self.tensors[tensor]
        return stored(reals, described.dtype, described.scale, described.zero_point)

    def real(self, tensor: int, values: np.ndarray) -> np.ndarray:
        """The reals that a tensor of the first graph stands for; what is not quantized as it is.

        # Arguments
            tensor: its index.
            values: as it holds them.
        """
        described = self.tensors[tensor]
        return real(values, described.scale, described.zero_point)

    @property
    def batch(self) -> int:
        """How many samples the model computes at a time."""
        shape = self.tensors[self.inputs[0]].shape if self.inputs else ()
        return shape[0] if shape else 1

    @property
    def signature_inputs(self) -> dict[str, int]:
        """Indices of the model's input tensors by the names that they have in Keras; empty where it names none."""
        return self._signature("inputs")

    @property
    def signature_outputs(self) -> dict[str, int]:
        """The same of its outputs."""
        return self._signature("outputs")

    def _signature(self, ports: str) -> dict[str, int]:
        signatures = self._model.signatureDefs or []
        maps = getattr(signatures[0], ports) or [] if len(signatures) == 1 else []
        return {port.name.decode(): port.tensorIndex for port in maps if port.name}

    def _metadata(self) -> dict[str, bytes]:
        entries = self._model.metadata or []
        return {(one.name or b"").decode(): _bytes(self._model.buffers[one.buffer].data) for one in entries}


def _operator(model: Any, index: int, node: Any, tensors: list[Tensor]) -> Operator:
    code = model.operatorCodes[node.opcodeIndex]
    custom = code.customCode
    for at in (*node.inputs, *node.outputs):
        _check_index(at, tensors, optional=True)
    name = custom.decode() if custom else _OPERATOR_NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]
    inputs = tuple(tensors[i] if i >= 0 else None for i in node.inputs)
    if name == "DEQUANTIZE" and inputs[0] is not None and inputs[0].data is not None:
        # a float16 constant: what reads it sees the constant
        tensors[node.outputs[0]] = replace(tensors[node.outputs[0]], data=inputs[0].data)
    outputs = tuple(tensors[i] for i in node.outputs)
    options = _custom_options(node) if custom else {}
    activation = _ACTIVATIONS[getattr(node.builtinOptions, "fusedActivationFunction", 0)]
    return Operator(index, name, inputs, outputs, options, bool(custom), activation)


def _tensor(model: Any, index: int, tensor: Any) -> Tensor:
    dtype = _TYPE_NAMES[tensor.type]
    shape = tuple(map(int, tensor.shape)) if tensor.shape is not None else ()
    name = tensor.name.decode() if tensor.name else ""
    raw = model.buffers[tensor.buffer].data
    if min(shape, default=0) < 0:
        raise ValueError(f"tensor {index} has shape {shape}")
    data = None
    if raw is not None and len(raw):
        raw = np.asarray(raw, np.uint8)
        if dtype in _ITEM_SIZES and raw.nbytes != math.prod(shape) * _ITEM_SIZES[dtype]:
            raise ValueError(f"constant {index} of {dtype} and shape {shape} has {raw.nbytes} bytes")
        data = raw.view(dtype).reshape(shape) if dtype in ("float32", "float16", "int8", "int32") else raw
    scale, zero_point = _quantization(tensor.quantization)
    return Tensor(index, name, shape, dtype, data, scale, zero_point, bool(tensor.isVariable))


def _quantization(parameters: Any) -> tuple[float | None, int]:
    """The scale and the zero point of a whole tensor."""
    scales = getattr(parameters, "scale", None)
    if scales is None or len(scales) != 1:
        return None, 0
    points = parameters.zeroPoint
    return float(scales[0]), int(points[0]) if points is not None and len(points) else 0


def _read(path: Path) -> bytes:
    try:
        # a pipe or a device has no end that could be waited for
        if path.exists() and not path.is_file():
            raise UserError(f"{str(path)!r} is not a regular file; give the path of a .tflite file.")
        if not path.is_file():
            raise UserError(f"there is no file {str(path)!r}.")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {str(path)!r}: {error.strerror or error}.") from error


def pack(model: Any) -> bytes:
    """The flatbuffer of a model of objects, as `unpack` gives it."""
    builder = flatbuffers.Builder(sum(0 if buffer.data is None else len(buffer.data) for buffer in model.buffers))
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def unpack(content: bytes) -> Any:
    """The model as objects, with all constants inside: some tools write them behind the flatbuffer, by their offset."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for buffer in model.buffers:
        if buffer.offset > 1:
            if buffer.offset + buffer.size > len(content):
                raise ValueError(f"a constant ends at byte {buffer.offset + buffer.size} of {len(content)}")
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model


def _check_extent(content: bytes) -> None:
    """Refuses a file whose parts point at one another so often that it would unpack to far more than its size."""
    model = schema.Model.GetRootAs(content, 0)
    left = len(content)
    for at in range(model.SubgraphsLength()):
        graph = model.Subgraphs(at)
        left -= graph.TensorsLength() + graph.OperatorsLength() + graph.InputsLength() + graph.OutputsLength()
        for index in range(graph.OperatorsLength() if left >= 0 else 0):
            node = graph.Operators(index)
            left -= node.InputsLength() + node.OutputsLength()
            if left < 0:
                break
        if left < 0:
            raise ValueError(f"it names more parts than its {len(content)} bytes can hold")


def _check_index(index: int, tensors: list[Tensor], *, optional: bool = False) -> None:
    if not (-1 if optional else 0) <= index < len(tensors):
        raise IndexError(f"it names tensor {index} of {len(tensors)}")


def _custom_options(node: Any) -> dict[str, Any]:
    """LCE writes its options as a flexbuffer map of integers; what else a map may hold is left alone."""
    raw = node.customOptions
    if raw is None or not len(raw):
        return {}
    root = flexbuffers.GetRoot(bytes(raw))
    if not root.IsMap:
        return {}
    options = root.AsMap
    keys = [key.AsKey for key in options.Keys]
    return {key: value.AsInt for key, value in zip(keys, options.Values, strict=True) if value.IsInt or value.IsBool}


def _bytes(data: Any) -> bytes:
    return b"" if data is None else bytes(np.asarray(data, np.uint8))
