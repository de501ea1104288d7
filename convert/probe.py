"""Whether LCE's interpreter survives a flatbuffer, found out in a process of its own.

The interpreter does not check what it loads: a file that parses and holds wrong values may end the process. It is
loaded without TensorFlow here, which takes a fifth of a second.
"""

import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from larq_el.errors import UserError

SECONDS = 300
"""For one inference of any model."""
MOST_BYTES = 16 << 30
"""Of memory, for the same."""

_CODE = """
import importlib.util, resource, sys
import numpy as np
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
if sys.platform == "linux":
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
spec = importlib.util.spec_from_file_location("interpreter_wrapper_lite", sys.argv[1])
wrapper = importlib.util.module_from_spec(spec)
spec.loader.exec_module(wrapper)
try:
    model = wrapper.LiteInterpreter(sys.stdin.buffer.read(), 1, False, True, False)
    model.predict([np.zeros(shape, kind) for shape, kind in zip(model.input_shapes, model.input_types)])
except Exception as error:
    print(" ".join(str(error).split()) or type(error).__name__)
    sys.exit(3)
"""


def check_runs(content: bytes, name: str, *, seconds: float = SECONDS, most_bytes: int = MOST_BYTES) -> None:
    """Runs one inference of a flatbuffer by LCE's interpreter, elsewhere.

    # Arguments
        content: of the flatbuffer.
        name: of the flatbuffer, for the message.
        seconds: that it may take.
        most_bytes: of memory that it may take, where the system can limit that.

    # Raises
        ValueError: where the interpreter refuses the file, crashes on it, or does not come to an end.
    """
    found = find_spec("larq_compute_engine")
    folder = Path(next(iter(found.submodule_search_locations or []))) if found else Path()
    library = next((folder / "tflite" / "python").glob("interpreter_wrapper_lite*"), None)
    if library is None:
        return  # another version of LCE: what the file does shows when it is run
    command = [sys.executable, "-c", _CODE, str(library), str(most_bytes)]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise UserError(f"{name} does not finish one inference within {seconds:g} s; it may be damaged.") from error
    if done.returncode == 0:
        return
    if done.returncode < 0:
        ending = signal.Signals(-done.returncode).name
        raise UserError(f"{name} is damaged: LCE's interpreter crashes on it ({ending}); convert the model again.")
    reason = done.stdout.decode(errors="replace").strip() or "it ends with status " + str(done.returncode)
    raise UserError(f"the interpreter of the Larq Compute Engine cannot run {name}: {reason.rstrip('. ')}.")
