"""Models on devices, side by side."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from larq_el.benchmark.devices.adb import AdbTarget
from larq_el.benchmark.devices.device_info import DeviceInfo, conditions, device_info
from larq_el.benchmark.devices.ssh import SshTarget
from larq_el.benchmark.devices.target import LocalTarget, Target
from larq_el.benchmark.devices.workspace import Workspace, workspace
from larq_el.benchmark.local import Measurement, benchmark, check_counts
from larq_el.benchmark.result import Result, Settings
from larq_el.benchmark.tools.tool import profile, run_tool, tool_ready
from larq_el.benchmark.tools.wheel import install, measure
from larq_el.errors import UserError
from larq_el.tflite.flatbuffer import Flatbuffer


def parse_target(text: str, ssh_config: str | None = None) -> Target:
    """The device that a user names.

    # Arguments
        text: `local`, `adb`, `adb:SERIAL` or `ssh://[user@]host[:port]`.
        ssh_config: a file to use in place of `~/.ssh/config`.

    # Raises
        ValueError: where it is none of them.
    """
    if text == "local":
        return LocalTarget()
    if text == "adb" or text.startswith("adb:"):
        return AdbTarget(text[4:] if text.startswith("adb:") else None)
    if text.startswith("ssh://"):
        return SshTarget(text, ssh_config)
    raise UserError(f"{text!r} is no target; write local, adb, adb:SERIAL or ssh://user@host:port.")


def compare(
    paths: Sequence[str | os.PathLike[str]], targets: Sequence[str], settings: Settings
) -> tuple[list[Result], list[str]]:
    """Measures models on devices, one device after the other.

    # Arguments
        paths: `.tflite` files.
        targets: as of `parse_target`.
        settings: how to measure.

    # Returns
        The results, and a sentence for each measurement that failed.

    # Raises
        ValueError: where a file, a target or a setting is wrong, before anything is measured.
    """
    files = [Path(path) for path in paths]
    devices = [parse_target(text, settings.ssh_config) for text in targets]
    _check(settings, devices)
    for file in files:
        Flatbuffer(file)  # a damaged file costs no device's time
    results: list[Result] = []
    failures: list[str] = []
    for device in devices:
        try:
            results += _on_device(device, files, settings, failures)
        except UserError as error:
            failures.append(str(error))
    return results, failures


def _check(settings: Settings, devices: Sequence[Target]) -> None:
    check_counts(threads=settings.threads, runs=settings.runs, warmup=settings.warmup)
    if settings.cpus is not None:
        try:
            int(settings.cpus, 16)
        except ValueError as error:
            raise UserError(f"--cpus is a hexadecimal mask such as f0, got {settings.cpus!r}.") from error
    _check_effects(settings, devices)


def _check_effects(settings: Settings, devices: Sequence[Target]) -> None:
    """An option that changes nothing would let a user believe that it did."""
    in_process = settings.tool is None and settings.wheel is None
    here = [isinstance(device, LocalTarget) and in_process for device in devices]
    if settings.wheel is not None and settings.tool is not None:
        raise UserError("--tool and --wheel are two ways to measure; give one of them.")
    if settings.wheel is not None and any(isinstance(device, AdbTarget) for device in devices):
        raise UserError("--wheel needs a Python on the device, which Android has not; use --tool for adb.")
    if settings.cpus is not None and any(here):
        raise UserError("--cpus without --tool has no effect on this machine; run larq-el itself under taskset.")
    for option, value in (("--delegate", settings.delegate), ("--tool-arg", settings.tool_arguments)):
        if value and (settings.wheel is not None or any(here)):
            remedy = "leave out --wheel" if settings.wheel is not None else "name one with --tool"
            raise UserError(f"{option} has no effect without a benchmark tool; {remedy}.")
    if settings.runtimes and not all(here):
        raise UserError("--runtime has no effect on devices; it names what this machine runs in, without a tool.")


def _on_device(device: Target, files: Sequence[Path], settings: Settings, failures: list[str]) -> list[Result]:
    if isinstance(device, LocalTarget) and settings.tool is None and settings.wheel is None:
        return _in_process(device, files, settings)
    results = []
    with workspace(device, settings.folder) as space:
        info = device_info(device)
        runner = _wheel_runner(space, settings) if settings.wheel else _tool_runner(space, info, settings)
        for file in files:
            try:
                model = space.push(file, "model.tflite")
                before = conditions(device)
                blank = Result(file, file.stat().st_size, device.name, "", 0, info, before, before)
                measured = runner(blank, model)
                results.append(replace(measured, after=conditions(device)))
            except UserError as error:
                failures.append(f"{file} on {device.name}: {error}")
    return results


Runner = Callable[[Result, str], Result]


def _tool_runner(space: Workspace, info: DeviceInfo, settings: Settings) -> Runner:
    tool = tool_ready(space, info.machine, settings.tool, settings.delegate)
    shared: dict[str, Any] = {"runs": settings.runs, "threads": settings.threads, "cpus": settings.cpus}
    arguments = settings.tool_arguments

    def run(blank: Result, model: str) -> Result:
        output = run_tool(space, tool, model, warmup=settings.warmup, arguments=arguments, **shared)
        operators = profile(space, tool, model, arguments=arguments, **shared) if settings.profile else None
        runs = output.runs
        return replace(
            blank,
            runtime=" ".join([tool.name, *(["with delegate"] if tool.delegate else []), *arguments]),
            runs=runs.count,
            median_ms=_ms(runs.median),
            mean_ms=_ms(runs.average),
            std_ms=_ms(runs.std),
            min_ms=_ms(runs.minimum),
            max_ms=_ms(runs.maximum),
            init_ms=_ms(output.init_us),
            first_ms=_ms(output.first_us),
            memory_mb=output.memory_peak_mb or output.memory_overall_mb,
            split=None if operators is None else operators.by_kind(),
            operators=None if operators is None else operators.by_type(),
            warnings=output.warnings,
        )

    return run


def _wheel_runner(space: Workspace, settings: Settings) -> Runner:
    assert settings.wheel is not None
    python = install(space, settings.wheel)

    def run(blank: Result, model: str) -> Result:
        times = measure(
            space,
            python,
            model,
            runs=settings.runs,
            warmup=settings.warmup,
            threads=settings.threads,
            cpus=settings.cpus,
        )
        measured = replace(
            blank, runtime=f"larq_el.runtime ({times.isa})", init_ms=times.init_ms, memory_mb=times.memory_mb
        )
        return _timed(measured, times.milliseconds)

    return run


def _in_process(device: Target, files: Sequence[Path], settings: Settings) -> list[Result]:
    info = device_info(device)
    before = conditions(device)
    measured = benchmark(
        files, runtimes=settings.runtimes, num_threads=settings.threads, runs=settings.runs, warmup=settings.warmup
    )
    after = conditions(device)
    return [
        _timed(Result(row.path, row.bytes, device.name, row.runtime, 0, info, before, after), row.milliseconds)
        for row in measured
    ]


def _timed(result: Result, milliseconds: tuple[float, ...]) -> Result:
    measured = Measurement(result.path, result.runtime, result.bytes, milliseconds)
    low, high = measured.quartiles_ms
    return replace(
        result,
        runs=len(milliseconds),
        median_ms=measured.median_ms,
        mean_ms=sum(milliseconds) / len(milliseconds),
        min_ms=min(milliseconds),
        max_ms=max(milliseconds),
        low_ms=low,
        high_ms=high,
        milliseconds=milliseconds,
    )


def _ms(microseconds: float | None) -> float | None:
    return None if microseconds is None else microseconds / 1e3
