"""Runs a flatbuffer in a process of its own.

Runtimes do not check all of what they load: a file that parses and holds wrong values, or that wants more memory than
there is, may end the process that runs it.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from larq_el.errors import UserError
from larq_el.tflite.child import FILES, REFUSED, lce_library, read_arrays, write_arrays

SECONDS = 300
"""For the inferences of any model."""
MOST_BYTES = 16 << 30
"""Of memory, for the same."""
NAMES = {
    "lce": "LCE's interpreter",
    "lce-indirect": "LCE's interpreter",
    "native": "the native runtime",
    "stock": "the stock runtime",
}
"""The runtimes, as messages name them."""
COMMAND = ("-m", "larq_el.tflite.child")
_ROOT = str(Path(__file__).resolve().parents[2])


def is_installed(runtime: str) -> bool:
    """Whether a runtime can be tried here.

    # Arguments
        runtime: a name of `NAMES`.
    """
    if runtime.startswith("lce"):
        return lce_library() is not None
    from larq_el.runtime.delegate import delegate_path
    from larq_el.runtime.stock import SOURCES

    if not any(find_spec(source.split(".")[0]) for source in SOURCES):
        return False
    try:
        return runtime == "stock" or delegate_path().is_file()
    except UserError:  # it was not built
        return False


class TrialError(UserError):
    """A runtime did not run a flatbuffer.

    # Attributes
        reason: its own words, or what it did instead.
        unfinished: whether it did not come to its end in time, which tells nothing of the runtime.
    """

    def __init__(self, message: str, reason: str, *, unfinished: bool = False) -> None:
        super().__init__(message)
        self.reason, self.unfinished = reason, unfinished


class Trial:
    """Some inferences of a flatbuffer, elsewhere; they begin at once, and `outputs` waits for them.

    # Arguments
        content: of the flatbuffer.
        inputs: an array for each input, of its type, that fills whole batches; None for a batch of zeros.
        runtime: a name of `NAMES`.
        name: of the flatbuffer, for the message.
        seconds: that they may take.
        most_bytes: of memory that they may take, where the system can limit that.
    """

    def __init__(
        self,
        content: bytes,
        inputs: Sequence[np.ndarray] | None = None,
        *,
        runtime: str = "lce-indirect",
        name: str = "the flatbuffer",
        seconds: float = SECONDS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._name, self._runtime, self._seconds = name, runtime, seconds
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        (folder / FILES[0]).write_bytes(content)
        write_arrays(folder / FILES[1], list(inputs or []))
        command = [sys.executable, *COMMAND, str(folder), runtime, str(most_bytes)]
        # the same modules as here, wherever they are from
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [_ROOT, *sys.path]))}
        with (folder / "messages").open("wb") as messages:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=messages, env=environment
            )

    def outputs(self) -> list[np.ndarray]:
        """The arrays of the model's outputs.

        # Raises
            ValueError: where the runtime refuses the file, crashes on it, or does not come to an end.
        """
        try:
            printed = self._process.communicate(timeout=self._seconds)[0].decode(errors="replace")
            self._check(printed)
            return read_arrays(Path(self._folder.name) / FILES[2])
        except subprocess.TimeoutExpired as error:
            limit = f"does not finish one inference within {self._seconds:g} s"
            raise TrialError(f"{self._name} {limit}; it may be damaged.", f"it {limit}", unfinished=True) from error
        finally:
            self.close()

    def _check(self, printed: str) -> None:
        status = self._process.returncode
        if status < 0:
            crash = signal.Signals(-status).name
            raise TrialError(
                f"{self._name} is damaged: {NAMES[self._runtime]} crashes on it ({crash}); convert the model again.",
                f"it crashes ({crash})",
            )
        if status:
            reason = (self._reason(printed) if status == REFUSED else f"it ends with status {status}").rstrip(". ")
            interpreter = NAMES[self._runtime].replace(
                "LCE's interpreter", "the interpreter of the Larq Compute Engine"
            )
            raise TrialError(f"{interpreter} cannot run {self._name}: {reason}.", reason)

    def _reason(self, printed: str) -> str:
        """What the runtime's native code said, which is more than what it raises."""
        messages = (Path(self._folder.name) / "messages").read_text(errors="replace")
        said = [line[len("ERROR: ") :] for line in messages.splitlines() if line.startswith("ERROR: ")]
        printed = printed.strip().removeprefix("the model cannot run: ")
        return said[0] if said and self._runtime.startswith("lce") else printed or "it does not say why"

    def close(self) -> None:
        """Ends the inferences, where they have not come to their end."""
        if self._process.poll() is None:
            self._process.kill()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process.wait()
        self._folder.cleanup()


def check_runs(
    content: bytes,
    name: str,
    *,
    runtime: str = "lce-indirect",
    seconds: float = SECONDS,
    most_bytes: int = MOST_BYTES,
) -> None:
    """Runs one inference of a flatbuffer, elsewhere.

    # Arguments
        content, name, runtime, seconds, most_bytes: as of `Trial`. One that is not installed is not tried.

    # Raises
        ValueError: as `Trial.outputs`.
    """
    if is_installed(runtime):
        Trial(content, runtime=runtime, name=name, seconds=seconds, most_bytes=most_bytes).outputs()
