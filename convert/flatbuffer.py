"""Reading TFLite flatbuffers: operators, their tensors and options, in plain Python objects."""

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

from larq_el.errors import UserError

IDENTIFIER = b"TFL3"
_OPERATOR_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
_TYPE_NAMES = {code: name.lower() for name, code in vars(schema.TensorType).items() if isinstance(code, int)}

_DAMAGE = (struct.error, AssertionError, AttributeError, LookupError, OverflowError, TypeError, ValueError)
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
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    data: np.ndarray | None

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
    """

    index: int
    name: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: dict[str, Any]
    custom: bool = False

    def input(self, position: int) -> Tensor:
        """The tensor of a required input."""
        tensor = self.inputs[position] if position < len(self.inputs) else None
        if tensor is None:
            raise UserError(f"the flatbuffer is damaged: operator {self.index}, {self.name}, lacks input {position}.")
        return tensor


class Flatbuffer:
    """A TFLite model of one subgraph.

    # Arguments
        source: the bytes of a flatbuffer, or its path.

    # Raises
        ValueError: where there is no such file, or it is not a whole TFLite model.
    """

    def __init__(self, source: bytes | str | os.PathLike[str]) -> None:
        self.content = source if isinstance(source, bytes) else _read(Path(source))
        name = "the flatbuffer" if isinstance(source, bytes) else repr(str(source))
        if self.content[4:8] != IDENTIFIER:
            raise UserError(f"{name} is not a TFLite model: its bytes 4 to 8 are not {IDENTIFIER.decode()!r}.")
        try:
            self._model = _unpack(self.content)
            self.operators = self._operators()
        except _DAMAGE as error:
            raise UserError(f"{name} is a damaged TFLite model: {error}.") from error

    @cached_property
    def producers(self) -> dict[int, Operator]:
        """The operator that computes each tensor, by the tensor's index."""
        return {tensor.index: operator for operator in self.operators for tensor in operator.outputs}

    def with_outputs(self, tensors: list[int]) -> bytes:
        """The same model with other tensors as its outputs, so that an interpreter shows what is inside it.

        # Arguments
            tensors: indices of tensors.
        """
        model = _unpack(self.content)
        model.subgraphs[0].outputs = tensors
        model.signatureDefs = []
        builder = flatbuffers.Builder(len(self.content))
        builder.Finish(model.Pack(builder), IDENTIFIER)
        return bytes(builder.Output())

    @property
    def outputs(self) -> list[int]:
        """Indices of the model's output tensors."""
        return list(self._model.subgraphs[0].outputs)

    def _operators(self) -> list[Operator]:
        graph = self._model.subgraphs[0]
        tensors = [self._tensor(index, tensor) for index, tensor in enumerate(graph.tensors)]
        operators = []
        for index, node in enumerate(graph.operators):
            code = self._model.operatorCodes[node.opcodeIndex]
            custom = code.customCode
            name = custom.decode() if custom else _OPERATOR_NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]
            inputs = tuple(tensors[i] if i >= 0 else None for i in node.inputs)
            if name == "DEQUANTIZE" and inputs[0] is not None and inputs[0].data is not None:
                # a float16 constant: what reads it sees the constant
                tensors[node.outputs[0]] = replace(tensors[node.outputs[0]], data=inputs[0].data)
            outputs = tuple(tensors[i] for i in node.outputs)
            options = _custom_options(node) if custom else {}
            operators.append(Operator(index, name, inputs, outputs, options, custom=bool(custom)))
        return operators

    def _tensor(self, index: int, tensor: Any) -> Tensor:
        dtype = _TYPE_NAMES[tensor.type]
        shape = tuple(map(int, tensor.shape)) if tensor.shape is not None else ()
        name = tensor.name.decode() if tensor.name else ""
        raw = self._model.buffers[tensor.buffer].data
        data = None
        if raw is not None and len(raw):
            raw = np.asarray(raw, np.uint8)
            data = raw.view(dtype).reshape(shape) if dtype in ("float32", "float16", "int8", "int32") else raw
        return Tensor(index, name, shape, dtype, data)


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise UserError(f"there is no file {str(path)!r}.")
    return path.read_bytes()


def _unpack(content: bytes) -> Any:
    """The model as objects, with all constants inside: some tools write them behind the flatbuffer, by their offset."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for buffer in model.buffers:
        if buffer.offset > 1:
            if buffer.offset + buffer.size > len(content):
                raise ValueError(f"a constant ends at byte {buffer.offset + buffer.size} of {len(content)}")
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model


def _custom_options(node: Any) -> dict[str, Any]:
    """LCE writes its options as a flexbuffer map of integers."""
    raw = node.customOptions
    options = flexbuffers.Loads(bytes(raw)) if raw is not None and len(raw) else {}
    return options if isinstance(options, dict) else {}
