"""Measuring with our own runtime on a machine that has Python and no benchmark tool, such as a Raspberry Pi.

A wheel of larq_el goes into a virtual environment inside the folder that is removed at the end; the machine's own
Python packages stay as they are.
"""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from larq_el.benchmark.devices.target import Completed, DeviceError
from larq_el.benchmark.devices.workspace import Workspace
from larq_el.errors import UserError

# what larq_el.runtime needs; the wheel's other requirements are for a workstation
_NEEDS = ("numpy<2", "ai-edge-litert>=1.4")
_INSTALL_LIMIT = 1200.0
_RUN_LIMIT = 1800.0


@dataclass(frozen=True)
class PythonTimes:
    """The latency of a model in `larq_el.runtime.Interpreter`.

    # Attributes
        milliseconds: of each timed run, in order.
        init_ms: to load the model.
        memory_mb: growth of the process by the model.
        isa: the kernels that the device can run.
    """

    milliseconds: tuple[float, ...]
    init_ms: float
    memory_mb: float
    isa: str


def install(space: Workspace, wheel: Path) -> str:
    """Installs a wheel into a virtual environment in a workspace.

    # Arguments
        space: a folder on the device.
        wheel: of larq_el for the device's platform.

    # Returns
        The path of the environment's Python, on the device.

    # Raises
        ValueError: where the file is no wheel, or the device cannot install it.
    """
    if not wheel.is_file():
        raise UserError(
            f"there is no file {str(wheel)!r}, which --wheel names; build one with `pip wheel . --no-deps`."
        )
    # pip reads the name of the file: it must be kept, and is all that must be safe in a shell
    if not re.fullmatch(r"larq_el(_runtime)?-[\w.+-]+\.whl", wheel.name):
        raise UserError(f"{wheel.name!r}, which --wheel names, is no wheel of larq_el.")
    path = space.push(wheel, wheel.name)
    python = space.file("venv/bin/python")
    _checked(space, ["python3", "-m", "venv", space.file("venv")])
    pip = [python, "-m", "pip", "install", "--quiet", "--no-cache-dir", "--disable-pip-version-check"]
    _checked(space, [*pip, "--no-deps", path])
    _checked(space, [*pip, *_NEEDS])
    return python


def measure(
    space: Workspace, python: str, model: str, *, runs: int, warmup: int, threads: int, cpus: str | None
) -> PythonTimes:
    """Measures a model.

    # Arguments
        space: a folder on the device.
        python: as `install` returns it.
        model: path of the flatbuffer, there.
        runs, warmup: how many runs are timed, and not timed before them.
        threads: of the interpreter.
        cpus: hexadecimal mask of the processors to run on, for `taskset`.

    # Raises
        DeviceError: where the model does not run there.
    """
    script = Path(__file__).with_name("on_device.py").read_bytes()
    prefix = [] if cpus is None else ["taskset", cpus]
    argv = [*prefix, python, "-", model, str(runs), str(warmup), str(threads)]
    done = space.run(shlex.join(argv), stdin=script, timeout=_RUN_LIMIT)
    line = done.stdout.strip().rsplit("\n", 1)[-1]
    if done.status != 0 or not line.startswith("{"):
        raise DeviceError(f"the model does not run in larq_el.runtime on {space.target.name}: {_python_reason(done)}.")
    values = json.loads(line)
    return PythonTimes(tuple(values["milliseconds"]), values["init_ms"], values["memory_mb"], values["isa"])


def _checked(space: Workspace, argv: list[str]) -> None:
    # pip unpacks in TMPDIR: what an interrupt leaves there goes with the folder
    done = space.run(f"TMPDIR={shlex.quote(space.path)} {shlex.join(argv)}", timeout=_INSTALL_LIMIT)
    if done.status == 0:
        return
    said = done.stdout + done.stderr
    name = space.target.name
    if "python3-venv" in said or "No module named venv" in said or "ensurepip is not available" in said:
        raise DeviceError(
            f"{name} cannot make virtual environments: install them there, `sudo apt install python3-venv`."
        )
    if done.status == 127:
        raise DeviceError(f"{name} has no Python: install it there, or name a benchmark tool with --tool.")
    if "is not a supported wheel" in said:
        raise DeviceError(f"the wheel is not for the processor or the Python of {name}: build one for it.")
    errors = re.findall(r"^ERROR: (.*)", said, re.MULTILINE)
    reason = errors[-1].rstrip(".") if errors else done.reason
    raise DeviceError(f"{name} cannot install {argv[-1].rsplit('/', 1)[-1]!r}: {reason}.")


def _python_reason(done: Completed) -> str:
    """The last line of the traceback, without the exception's class."""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return re.sub(r"^[\w.]+(Error|Exception): ", "", lines[-1]).rstrip(".") if lines else done.reason
