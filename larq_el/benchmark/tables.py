"""Results as a table, as CSV and as a picture."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from larq_el.benchmark.devices.device_info import Conditions
from larq_el.benchmark.environment import environment
from larq_el.benchmark.result import Result, Settings
from larq_el.benchmark.tools.profile import KINDS
from larq_el.errors import UserError
from larq_el.pictures import as_picture, new_figure
from larq_el.tables import Parts, Table

_WARM = 10.0
"""Degrees by which a device may grow warmer before its figures are doubted."""


NOTE = (
    "LCE's kernels are written for ARM: on x86 they are portable code, and their latencies say nothing of a device. "
    "Compare ratios and medians of one call: machines drift."
)


def parts(results: Sequence[Result], accuracy: dict[str, float], settings: Settings) -> Parts:
    """What is printed: a table, a line for each device, and what its figures should be doubted for.

    # Arguments
        results: of `compare`.
        accuracy: of files, by name; a column of its own where there is any.
        settings: how it was measured.
    """
    columns = ["file", "device", "runtime", "MB", "accuracy", "ms", "spread", "memory MB", *KINDS, "ratio"]
    only_here = all(result.target == "local" for result in results)
    rows = [_row(result, results[0], accuracy, device="" if only_here else result.target) for result in results]
    yield Table(f"{settings.threads} thread(s), {runs_of(results)} runs", columns, rows)
    yield from notes(results)
    if any(result.target == "local" for result in results):
        where = environment(settings.threads)
        yield f"Here: Python {where['python']}, {where['packages']}."
    if any(result.runtime.startswith("lce") and result.device.machine == "x86_64" for result in results):
        yield NOTE


def _row(result: Result, first: Result, accuracy: dict[str, float], *, device: str) -> list[str]:
    split = ["" if result.split is None else f"{result.split[kind]:.2f}" for kind in KINDS]
    right = accuracy.get(result.path.name)
    return [
        result.path.name,
        device,
        result.runtime,
        f"{result.bytes / 1e6:.2f}",
        "" if right is None else f"{right:.1%}",
        f"{result.latency_ms:.3f} {'mean' if result.median_ms is None else 'median'}",
        _spread(result),
        "" if result.memory_mb is None else f"{result.memory_mb:.1f}",
        *split,
        f"{result.latency_ms / first.latency_ms:.2f}",
    ]


def runs_of(results: Sequence[Result]) -> str:
    """How many runs were timed, which tools decide on their own: the least and the most."""
    counts = sorted({result.runs for result in results})
    return " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))


def notes(results: Sequence[Result]) -> list[str]:
    """A line for each device, and what its figures should be doubted for."""
    lines: dict[str, None] = {}
    for result in results:
        device = result.device
        what = f"{device.model}, {device.os}, {device.kernel} {device.machine}, {device.cpu}, {device.cores} cores"
        lines[f"{result.target}: {what}."] = None
    for result in results:
        if states := [state for state in map(_state, (result.before, result.after)) if state]:
            lines[f"{result.path.name} on {result.target}: {', afterwards '.join(states)}."] = None
        for doubt in _doubts(result):
            lines[f"Beware, {result.path.name} on {result.target}: {doubt}."] = None
    return list(lines)


def to_csv(results: Sequence[Result], accuracy: dict[str, float]) -> str:
    """One row a result; nested values become columns of their own."""
    table = [{**_flat(result.to_dict()), "accuracy": accuracy.get(result.path.name)} for result in results]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(dict.fromkeys(key for row in table for key in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return stream.getvalue()


def plot(results: Sequence[Result], accuracy: dict[str, float], suffix: str) -> bytes:
    """Latency against size, or against accuracy where that is known; a colour a device.

    # Arguments
        results: of `compare`.
        accuracy: of files, by name.
        suffix: of the picture's file, see `larq_el.pictures.check_picture`.
    """
    known = [result for result in results if result.path.name in accuracy]
    several = len({result.target for result in results}) > 1
    points = []
    for result in known or results:
        value = 100 * accuracy[result.path.name] if known else result.bytes / 1e6
        device = f" on {result.target}" if several else ""
        points.append((result.latency_ms, value, f"{result.path.stem}\n{result.runtime}{device}"))
    names = {result.path.stem for result in results}
    title = f"Latency of {names.pop()}" if len(names) == 1 else f"Latency of {len(names)} models"
    return drawn(title, "accuracy, %" if known else "size, MB", points, suffix)


def drawn(title: str, label: str, points: Sequence[tuple[float, float, str]], suffix: str) -> bytes:
    """A picture of points over their latency; where all are equally high, of bars.

    # Arguments
        title: of the picture.
        label: of the vertical axis.
        points: milliseconds, height and name of each.
        suffix: of the picture's file, see `larq_el.pictures.check_picture`.
    """
    figure = new_figure()
    panel = figure.subplots()
    panel.set_title(title)
    if len({height for _, height, _ in points}) == 1:
        names = [name.replace("\n", ", ") for *_, name in points]
        bars = panel.barh(names, [latency for latency, *_ in points])
        panel.bar_label(bars, fmt="%.2f", padding=3)
        panel.invert_yaxis()
        panel.set(xlabel="latency, ms")
    else:
        for latency, height, name in points:
            panel.scatter(latency, height)
            panel.annotate(name, (latency, height), fontsize=8, xytext=(6, 4), textcoords="offset points")
        latencies = [latency for latency, *_ in points]
        panel.set(
            xlabel="latency, ms", ylabel=label, xscale="log" if max(latencies) > 10 * min(latencies) else "linear"
        )
    panel.margins(0.25)
    return as_picture(figure, suffix)


def read_accuracy(path: Path) -> dict[str, float]:
    """The accuracy of files, by name.

    # Arguments
        path: of a JSON file: an object such as `{"el.tflite": 0.632}`, or what `larq-el evaluate --json` prints, or a
            list of these.

    # Raises
        ValueError: where it is none of them.
    """
    try:
        document = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise UserError(f"there is no file {str(path)!r}, which --accuracy names.") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{str(path)!r} is no JSON file ({error}).") from error
    entries = document if isinstance(document, list) else [document]
    found: dict[str, float] = {}
    for entry in entries:
        if isinstance(entry, dict) and {"model", "top1"} <= entry.keys():
            entry = {entry["model"]: entry["top1"]}
        valid = isinstance(entry, dict) and all(isinstance(value, (int, float)) for value in entry.values())
        if not valid or not all(0 <= value <= 1 for value in entry.values()):
            raise UserError(f'{str(path)!r} must hold files and their accuracy from 0 to 1, as {{"el.tflite": 0.632}}.')
        found |= {Path(name).name: float(value) for name, value in entry.items()}
    return found


def _spread(result: Result) -> str:
    if result.low_ms is not None and result.high_ms is not None:
        return f"{result.low_ms:.3f} to {result.high_ms:.3f}"
    if result.std_ms is not None and result.min_ms is not None and result.max_ms is not None:
        return f"±{result.std_ms:.3f}, {result.min_ms:.3f} to {result.max_ms:.3f}"
    return ""


def _state(state: Conditions) -> str:
    """What is known of a device's state, "" for nothing."""
    known = [f"{' and '.join(state.governors)} governor"] if state.governors else []
    known += [] if state.mhz is None else [f"{state.mhz:.0f} MHz"]
    known += [] if state.celsius is None else [f"{state.celsius:.1f} °C"]
    return ", ".join(known)


def _doubts(result: Result) -> list[str]:
    doubts = list(result.warnings)
    before, after = result.before, result.after
    if any(governor != "performance" for governor in after.governors):
        doubts.append("the governor changes the frequency while it measures; set it to performance")
    if before.celsius is not None and after.celsius is not None and after.celsius - before.celsius > _WARM:
        doubts.append(f"it grew {after.celsius - before.celsius:.0f} degrees warmer")
    if after.throttled:
        doubts.append("it is throttled, by heat or a weak power supply")
    return doubts


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            flat |= _flat(item, f"{prefix}{key}.")
        else:
            flat[prefix + key] = " ".join(map(str, item)) if isinstance(item, tuple) else item
    return flat
