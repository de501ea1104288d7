"""Why a benchmark tool failed, in a sentence."""

import re
import signal

from larq_el.errors import UserError

CAUSES = (
    (
        r"unresolved custom op: (\w+)",
        "it has no operator {0}: use Larq Compute Engine's lce_benchmark_model, or give benchmark_model the native "
        "delegate with --delegate",
    ),
    (r"Failed to parse flag '.*' against argv '(.*)'", "it refuses {0!r}"),
    (r"Could not open '(.*)'", "it cannot open the model {0!r}"),
    (r"not a valid Flatbuffer", "the model is damaged, or is no TFLite model"),
    (r"Disallowed CPU fallback", "the delegate does not take the whole model, as --require_full_delegation demands"),
    (r"Please specify the name of your TF Lite input file", "it was given no model with --graph"),
    (r"(?:ERROR: |^)usage: ", "it printed its help and measured nothing"),
    (
        r"version `(GLIBC\w*_[\d.]+)' not found",
        "the device's libraries are older than {0}: build the tool on such a system, or measure with --wheel",
    ),
    (r"error while loading shared libraries: ([^:]+)", "the device has no library {0}: use a statically linked tool"),
    (r"CANNOT LINK EXECUTABLE.*?: (.*)", "the device cannot link it ({0}): use a tool that was built for its Android"),
    (r"[Ee]xec format error|cannot execute", "it was built for another processor than the device's"),
    (r"taskset.*not found", "the device has no taskset: leave --cpus out"),
    (r"taskset: failed to set .*affinity", "the device has no processors of the mask that --cpus gives"),
    (r"[Pp]ermission denied", "the device does not allow to run it there: name another folder with --device-folder"),
)
"""Pattern of what the tool, the loader or the shell prints; what that means."""
_NO_REASON = "Benchmarking failed."
_SIGNALS = {
    signal.SIGSEGV: "a segmentation fault",
    signal.SIGABRT: "it gave up with abort()",
    signal.SIGILL: "an instruction that this processor does not have",
    signal.SIGBUS: "a bus error",
    signal.SIGFPE: "a division by zero",
    signal.SIGKILL: "it was killed, as happens when memory runs out",
    signal.SIGTERM: "it was terminated",
}


class ToolError(UserError):
    """A benchmark tool that failed.

    # Attributes
        status: its exit status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class ToolCrashError(ToolError):
    """A benchmark tool that a signal ended."""


def check_status(stdout: str, stderr: str, status: int) -> None:
    """Says why a tool failed.

    # Arguments
        stdout: what it printed.
        stderr: what it printed there.
        status: its exit status: negative as Python gives a signal, or 128 and more as a shell gives one.

    # Raises
        ToolError: where the status is not 0; `ToolCrashError` where a signal ended the tool.
    """
    if status == 0:
        return
    number = -status if status < 0 else status - 128
    if number > 0 and number in {int(known) for known in signal.Signals}:
        raise ToolCrashError(_crash(stdout, stderr, status, number), status)
    raise ToolError(f"the tool failed with exit status {status}: {_cause(stdout, stderr, status)}.", status)


def _crash(stdout: str, stderr: str, status: int, number: int) -> str:
    what = _SIGNALS.get(signal.Signals(number), f"signal {signal.Signals(number).name}")
    lines = [line for line in stdout.splitlines() if line.strip()]
    silent = "" if stderr.strip() else " and nothing on standard error"
    last = f"; its last words were {lines[-1].strip()!r}{silent}" if lines else f"; it printed nothing{silent}"
    delegate = "EXTERNAL delegate created" in stdout
    advice = "; the delegate is missing on the device, does not load there, or is faulty" if delegate else ""
    return f"the tool crashed with exit status {status}: {what}{last}{advice}."


def _cause(stdout: str, stderr: str, status: int) -> str:
    text = f"{stderr}\n{stdout}"
    if status == 127 and not re.search("taskset|libraries|GLIBC", text):
        # the file is there, but not the program that starts it
        return "the device cannot start it: it was linked for another system, as an Android tool on Linux"
    for pattern, meaning in CAUSES:
        match = re.search(pattern, text, re.MULTILINE)
        if match:
            return meaning.format(*match.groups())
    errors = [line.strip() for line in re.findall(r"^ERROR: (.*)", text, re.MULTILINE)]
    for line in [*errors, *(line.strip() for line in reversed(stderr.splitlines()))]:
        if line and not line.endswith(_NO_REASON):
            return line.rstrip(".")
    return "it gave no reason"
