"""Reading TFLite flatbuffers."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from larq_el.errors import UserError, first_line
from larq_el.runtime.quantized import real, stored
from larq_el.tflite.graph import Graph, Operator, check_index
from larq_el.tflite.packing import DAMAGE, IDENTIFIER, check_extent, pack, read, unpack


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
        self.content = source if isinstance(source, bytes) else read(Path(source))
        name = "the flatbuffer" if isinstance(source, bytes) else repr(str(source))
        if self.content[4:8] != IDENTIFIER:
            raise UserError(f"{name} is not a TFLite model: its bytes 4 to 8 are not {IDENTIFIER.decode()!r}.")
        self.name = name
        try:
            check_extent(self.content)
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
            check_index(index, self.tensors)
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


def _bytes(data: Any) -> bytes:
    return b"" if data is None else bytes(np.asarray(data, np.uint8))
