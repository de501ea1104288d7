"""Why a conversion failed, in one line: TensorFlow and MLIR bury it in traces, or print it and raise something else."""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator

from larq_el.errors import first_line

_NATIVE = re.compile(r"^(?:.*? )?error: (?!failed while converting)(.+)$", re.MULTILINE)
_RAISED = re.compile(r"^\s*(?:[\w.]+\.)?(\w+(?:Error|Exception)): (?!Exception encountered)(.+)$", re.MULTILINE)
_LAYER = re.compile(r"layer ['\"]([^'\"]+)['\"] \(type (\w+)\)")
LONGEST = 400
"""Characters; MLIR may print whole tensors."""


class NativeMessages:
    """What native code wrote to standard error.

    # Attributes
        text: all of it, once the block has ended.
    """

    text = ""


@contextlib.contextmanager
def native_messages() -> Iterator[NativeMessages]:
    """Catches what is written to the file descriptor of standard error; passes it on where nothing is raised."""
    messages = NativeMessages()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield messages
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
            caught.seek(0)
            messages.text = caught.read().decode(errors="replace")
        if messages.text:
            os.write(2, messages.text.encode())


def cause(error: BaseException, native: str = "") -> str:
    """The reason of a failure.

    # Arguments
        error: what was raised.
        native: what native code printed before.

    # Returns
        The innermost error, after the layer that raised it; of what native code printed, its first error.

    >>> cause(RuntimeError("Could not translate to flatbuffer."), "loc(x): error: no such operator\\n")
    'no such operator'
    >>> cause(ValueError("in user code:\\n  layer 'conv' (type Mine).\\n  KeyError: 'scale'"))
    "layer 'conv' (Mine): KeyError: 'scale'"
    """
    text = str(error)
    printed = _NATIVE.search(native)
    raised = _RAISED.findall(text)
    layer = _LAYER.findall(text)
    where = f"layer {layer[-1][0]!r} ({layer[-1][1]}): " if layer else ""
    if printed:
        reason = printed[1]
    elif raised and first_line(error).endswith((":", ".", "in user code")):
        reason = f"{where}{': '.join(raised[-1])}"
    elif first_line(error).startswith(("Exception encountered", "Error when deserializing")):
        # Keras: what it did, and in a paragraph of its own why that failed
        parts = [line.strip() for line in text.split("\n") if line.strip()]
        marked = next((part for part in parts if part.startswith("Exception encountered: ")), "")
        reason = marked.removeprefix("Exception encountered: ") or (parts[1] if len(parts) > 1 else parts[0])
        reason = reason if reason.startswith("Exception encountered") else f"{where}{reason}"
    else:
        reason = first_line(error)
    return reason.strip()[:LONGEST].rstrip(" .:")
