"""How to measure, and what comes of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from larq_el.benchmark.devices.device_info import Conditions, DeviceInfo
from larq_el.benchmark.environment import environment

VERSION = 1
"""Of the JSON document; it grows by one where a key changes its meaning or goes."""


@dataclass(frozen=True)
class Settings:
    """How to measure.

    # Attributes
        runs, warmup: how many runs are timed, and not timed before them.
        threads: of each interpreter.
        cpus: hexadecimal mask of the processors to run on; None for all.
        tool: a benchmark tool on this machine; None for one that the device has.
        tool_arguments: further ones of the tool.
        delegate: a shared library on this machine that the tool loads as an external delegate.
        wheel: of larq_el, to measure with in place of a tool.
        profile: whether to measure the operators too, in a call of its own.
        folder: where on a device to work; None for its usual place.
        ssh_config: a file to use in place of `~/.ssh/config`.
        runtimes: of this machine, see `benchmark`.
    """

    runs: int = 50
    warmup: int = 5
    threads: int = 1
    cpus: str | None = None
    tool: Path | None = None
    tool_arguments: tuple[str, ...] = ()
    delegate: Path | None = None
    wheel: Path | None = None
    profile: bool = True
    folder: str | None = None
    ssh_config: str | None = None
    runtimes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Result:
    """One model on one device; times in milliseconds, None for what was not measured.

    # Attributes
        path, bytes: the flatbuffer and its size.
        target: the device, as the user names it.
        runtime: what ran the model.
        runs: how many were timed, which the tool may have cut short.
        median_ms, mean_ms: of them; a tool prints the one or the other.
        std_ms, min_ms, max_ms, low_ms, high_ms: their spread; the last two hold the middle half.
        init_ms, first_ms: to load the model, and its first inference.
        memory_mb: growth of the process.
        split: time of one inference for each of `larq_el.benchmark.tools.profile.KINDS`.
        operators: the same for each operator.
        device: what it ran on.
        before, after: the state of the device.
        milliseconds: of each run, in order; none where the tool does not tell.
        warnings: what the tool warned of.
    """

    path: Path
    bytes: int
    target: str
    runtime: str
    runs: int
    device: DeviceInfo
    before: Conditions
    after: Conditions
    median_ms: float | None = None
    mean_ms: float | None = None
    std_ms: float | None = None
    min_ms: float | None = None
    max_ms: float | None = None
    low_ms: float | None = None
    high_ms: float | None = None
    init_ms: float | None = None
    first_ms: float | None = None
    memory_mb: float | None = None
    split: dict[str, float] | None = None
    operators: dict[str, float] | None = None
    milliseconds: tuple[float, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def latency_ms(self) -> float:
        """The median where there is one, the mean otherwise."""
        value = self.mean_ms if self.median_ms is None else self.median_ms
        assert value is not None
        return value

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "path": str(self.path)}


def document(
    results: Sequence[Result], failures: Sequence[str], settings: Settings, accuracy: dict[str, float]
) -> dict[str, Any]:
    """The JSON document of `larq-el benchmark --json`, described in docs/devices.md.

    # Arguments
        results, failures: of `compare`.
        settings: how it was measured.
        accuracy: of files, by name.
    """
    return {
        "version": VERSION,
        "environment": environment(settings.threads),
        "runs": settings.runs,
        "warmup": settings.warmup,
        "threads": settings.threads,
        "results": [{**result.to_dict(), "accuracy": accuracy.get(result.path.name)} for result in results],
        "failures": list(failures),
    }
