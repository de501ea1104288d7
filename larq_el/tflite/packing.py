"""The bytes of a TFLite model, and the objects that its schema makes of them."""

import struct
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from larq_el.errors import UserError

IDENTIFIER = b"TFL3"
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


def read(path: Path) -> bytes:
    """The bytes of a file.

    # Arguments
        path: of the file.

    # Raises
        ValueError: where it is none, or cannot be read.
    """
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


def check_extent(content: bytes) -> None:
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
