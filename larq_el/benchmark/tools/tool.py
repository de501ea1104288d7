"""`lce_benchmark_model` or TFLite's `benchmark_model` on a device."""

import shlex
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from larq_el.benchmark.devices.target import DeviceError
from larq_el.benchmark.devices.workspace import Workspace
from larq_el.benchmark.tools.output import ToolOutput, parse_output
from larq_el.benchmark.tools.profile import Profile
from larq_el.errors import UserError

NAMES = ("lce_benchmark_model", "benchmark_model")
"""Tools that are looked for on a device, the preferred one first."""
WHERE = (
    "lce_benchmark_model comes with the releases of https://github.com/larq/compute-engine; "
    "TFLite's benchmark_model, for models without binary operators, from "
    "https://ai.google.dev/edge/litert/models/measurement"
)
_TIME_LIMIT = 900.0
_PROFILED_RUNS = 10
_MACHINES = {
    3: ("i386", "i486", "i586", "i686", "x86_64"),
    40: ("armv6l", "armv7l", "armv8l", "aarch64"),
    62: ("x86_64", "amd64"),
    183: ("aarch64", "arm64"),
}
"""ELF's number of a processor; what `uname -m` says where such a program runs."""


@dataclass(frozen=True)
class Tool:
    """A benchmark tool that stands ready on a device.

    # Attributes
        name: of the program.
        path: on the device.
        delegate: an external delegate, on the device.
    """

    name: str
    path: str
    delegate: str | None = None


def tool_ready(space: Workspace, machine: str, tool: Path | None, delegate: Path | None) -> Tool:
    """Copies a tool to a device, or finds one there.

    # Arguments
        space: a folder on the device.
        machine: the device's processor, as `uname -m` names it.
        tool: on this machine; None for one that the device has.
        delegate: a shared library on this machine for `--external_delegate_path`.

    # Raises
        ValueError: where there is none, or it was built for another processor.
    """
    for file, option in ((tool, "--tool"), (delegate, "--delegate")):
        if file is not None:
            _check_file(file, option, machine, space.target.name)
    pushed = None if delegate is None else space.push(delegate, "delegate.so")
    if tool is None:
        name, path = _found(space)
        return Tool(name, path, pushed)
    path = space.push(tool, "tool")
    done = space.run(f"chmod 700 {shlex.quote(path)}")
    if done.status != 0:
        raise DeviceError(f"cannot make {path!r} a program on {space.target.name}: {done.reason}.")
    return Tool(tool.name, path, pushed)


def run_tool(
    space: Workspace,
    tool: Tool,
    model: str,
    *,
    runs: int,
    warmup: int,
    threads: int,
    cpus: str | None = None,
    arguments: Sequence[str] = (),
) -> ToolOutput:
    """Measures a model.

    # Arguments
        space: a folder on the device.
        tool: on the device.
        model: path of the flatbuffer, there.
        runs: timed runs; fewer where they take more than 150 seconds.
        warmup: runs before them.
        threads: of the interpreter.
        cpus: hexadecimal mask of the processors to run on, for `taskset`.
        arguments: further ones of the tool.

    # Raises
        ToolError: where the tool fails.
        OutputError: where its output has no timings.
    """
    given = [
        tool.path,
        f"--graph={model}",
        f"--num_runs={runs}",
        f"--warmup_runs={warmup}",
        # else these many seconds too, and as many runs as they hold
        "--min_secs=0",
        "--warmup_min_secs=0",
        f"--num_threads={threads}",
    ]
    if tool.delegate is not None:
        given.append(f"--external_delegate_path={tool.delegate}")
    prefix = [] if cpus is None else ["taskset", cpus]
    done = space.run(shlex.join([*prefix, *given, *arguments]), timeout=_TIME_LIMIT)
    output = parse_output(done.stdout, done.stderr, done.status)
    if output.runs.count == 0:
        raise UserError(f"{tool.name} timed no runs; leave out arguments such as --dry_run.")
    return output


def profile(
    space: Workspace, tool: Tool, model: str, *, runs: int, threads: int, cpus: str | None, arguments: Sequence[str]
) -> Profile | None:
    """The time of each operator, from a call of its own: profiling costs time that the timed runs should not pay.

    # Arguments
        space, tool, model, runs, threads, cpus, arguments: as of `run_tool`; a few runs are enough here.
    """
    arguments = [*arguments, "--enable_op_profiling=true"]
    few = min(runs, _PROFILED_RUNS)
    return run_tool(space, tool, model, runs=few, warmup=1, threads=threads, cpus=cpus, arguments=arguments).profile


def _found(space: Workspace) -> tuple[str, str]:
    here = shlex.quote(space.target.folder)
    for name in NAMES:
        done = space.run(f"command -v {name} || {{ [ -x {here}/{name} ] && echo {here}/{name}; }}")
        if done.status == 0 and done.stdout.strip():
            return name, done.stdout.strip().splitlines()[-1]
    raise UserError(
        f"{space.target.name} has no benchmark tool; name a file of this machine with --tool PATH, or, for a device "
        f"with Python, a wheel of larq_el with --wheel PATH: {WHERE}."
    )


def _check_file(file: Path, option: str, machine: str, device: str) -> None:
    """A program for another processor would end in a message of the device's shell that names neither."""
    if not file.is_file():
        raise UserError(f"there is no file {str(file)!r}, which {option} names; {WHERE}.")
    with file.open("rb") as stream:
        head = stream.read(20)
    if head[:4] != b"\x7fELF" or len(head) < 20 or not machine:
        return
    (number,) = struct.unpack(">H" if head[5] == 2 else "<H", head[18:20])
    if machine not in _MACHINES.get(number, (machine,)):
        built = _MACHINES[number][-1]
        raise UserError(f"{str(file)!r}, which {option} names, is for {built} processors, and {device} is {machine}.")
