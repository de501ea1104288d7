"""Changes to a flatbuffer: other constants, operators taken out, notes in its metadata."""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.graph import Operator, Tensor
from larq_el.tflite.packing import pack, unpack


class Editor:
    """A flatbuffer of one subgraph that is being changed.

    # Arguments
        flatbuffer: what it was; it stays as it is.
    """

    def __init__(self, flatbuffer: Flatbuffer) -> None:
        self._model: Any = unpack(flatbuffer.content)
        self._graph = self._model.subgraphs[0]
        self._nodes = list(self._graph.operators)
        for node in self._nodes:
            node.inputs = list(node.inputs)
        self._constants: dict[tuple[bytes, tuple[int, ...], int], int] = {}

    def view(self) -> Flatbuffer:
        """The model as it is now, without operators that nothing reads; from now on positions count in it."""
        self._drop_unread()
        self._nodes = list(self._graph.operators)
        return Flatbuffer.of(self._model)

    def set_constant(self, node: int, position: int, values: np.ndarray) -> None:
        """Gives an operator a constant of its own in the place of another.

        # Arguments
            node: position of the operator.
            position: of the input.
            values: of the old constant's type; of its shape, or one that broadcasts as it does.
        """
        inputs = self._nodes[node].inputs
        old = self._graph.tensors[inputs[position]]
        values = np.ascontiguousarray(values) + values.dtype.type(0)  # -0 is 0 too
        key = (values.tobytes(), values.shape, old.type)
        if key not in self._constants:
            tensor = schema.TensorT()
            # ai-edge-quantizer asks for names of which there is one each
            name = f"folded_{len(self._graph.tensors)}"
            tensor.name, tensor.type, tensor.hasRank = name.encode(), old.type, old.hasRank
            tensor.shape = np.array(values.shape, np.int32)
            tensor.buffer = self._new_buffer(values.view(np.uint8).ravel())
            self._graph.tensors.append(tensor)
            self._constants[key] = len(self._graph.tensors) - 1
        inputs[position] = self._constants[key]

    def rescale(self, operator: Operator, factor: np.ndarray | float, positions: tuple[int, ...] | None = None) -> None:
        """Multiplies float32 constants of an operator.

        # Arguments
            operator: of the last `view`.
            factor: one, or one for each channel.
            positions: of the inputs; None for all.
        """
        for position, tensor in enumerate(operator.inputs if np.any(factor != 1.0) else ()):
            chosen = positions is None or position in positions
            if chosen and tensor is not None and tensor.data is not None and tensor.dtype == "float32":
                self.set_constant(operator.index, position, (tensor.data * np.float64(factor)).astype(np.float32))

    def bypass(self, operator: Operator, kept: Tensor) -> None:
        """Takes an operator out: who reads its output reads one of its inputs from then on.

        # Arguments
            operator: of the last `view`, with one output, and no output of the model.
            kept: that input, of the output's shape.
        """
        position = [one is kept for one in operator.inputs].index(True)
        # the input as it is by now, which may have been bypassed itself
        source = self._nodes[operator.index].inputs[position]
        output = self._nodes[operator.index].outputs[0]
        for node in self._nodes:
            node.inputs = [source if tensor == output else tensor for tensor in node.inputs]
        self._remove(operator.index)

    def take_over(self, node: int, producer: int) -> None:
        """Takes an operator out: another gives its output from then on, in the place of its own.

        # Arguments
            node: position of the operator, which has one output.
            producer: position of an operator with one output of that shape, which `node` alone reads.
        """
        self._nodes[producer].outputs = self._nodes[node].outputs
        self._remove(node)

    def _remove(self, node: int) -> None:
        self._graph.operators = [one for one in self._graph.operators if one is not self._nodes[node]]

    def note(self, name: str, content: bytes) -> None:
        """Writes something into the metadata, which runtimes pass over.

        # Arguments
            name: of the entry.
            content: of any form.
        """
        entry = schema.MetadataT()
        entry.name, entry.buffer = name.encode(), self._new_buffer(np.frombuffer(content, np.uint8))
        self._model.metadata = [*(self._model.metadata or []), entry]

    def _new_buffer(self, content: np.ndarray) -> int:
        buffer = schema.BufferT()
        buffer.data = content
        self._model.buffers.append(buffer)
        return len(self._model.buffers) - 1

    def finish(self) -> Flatbuffer:
        """The changed model, without the operators and constants that nothing reads any more."""
        self._drop_unread()
        used = {tensor for operator in self._graph.operators for tensor in (*operator.inputs, *operator.outputs)}
        used.update(self._graph.inputs, self._graph.outputs)
        for index, tensor in enumerate(self._graph.tensors):
            if index not in used:
                tensor.buffer = 0
        kept = {tensor.buffer for graph in self._model.subgraphs for tensor in graph.tensors}
        kept.update(entry.buffer for entry in self._model.metadata or [])
        for index, buffer in enumerate(self._model.buffers):
            if index not in kept:
                buffer.data = None
        return Flatbuffer.of(self._model, pack(self._model))

    def _drop_unread(self) -> None:
        """From the end on, as the operators stand in the order of execution."""
        read = set(self._graph.outputs)
        kept = []
        for operator in reversed(self._graph.operators):
            if len(operator.outputs) == 0 or read.intersection(operator.outputs):
                kept.append(operator)
                read.update(operator.inputs)
        self._graph.operators = kept[::-1]
