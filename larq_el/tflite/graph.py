"""A graph of a TFLite model: operators, their tensors and options, in plain Python objects."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from larq_el.errors import UserError

_OPERATOR_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
_ACTIVATIONS = {code: name for name, code in vars(schema.ActivationFunctionType).items() if isinstance(code, int)}
_TYPE_NAMES = {code: name.lower() for name, code in vars(schema.TensorType).items() if isinstance(code, int)}

_ITEM_SIZES = {"float64": 8, "int64": 8, "float32": 4, "int32": 4, "uint32": 4, "float16": 2, "int16": 2}


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
            check_index(at, tensors)
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


def _operator(model: Any, index: int, node: Any, tensors: list[Tensor]) -> Operator:
    code = model.operatorCodes[node.opcodeIndex]
    custom = code.customCode
    for at in (*node.inputs, *node.outputs):
        check_index(at, tensors, optional=True)
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


def check_index(index: int, tensors: list[Tensor], *, optional: bool = False) -> None:
    """Refuses the index of a tensor that is not there.

    # Arguments
        index: of the tensor.
        tensors: of the graph.
        optional: whether -1 may stand for one that is left out.

    # Raises
        IndexError: where there is none.
    """
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
