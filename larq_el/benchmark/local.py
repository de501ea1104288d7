"""Latency on this machine, of several models and runtimes in turn.

The runs are interleaved, one of each in a round, so that a drift of the machine's speed hits all alike; medians are to
be quoted, and ratios between rows of one call.
"""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from larq_el.errors import UserError, one_line
from larq_el.runtime.interpreter import MOST_THREADS
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.runners import fitting, installed, started

Run = Callable[[], Any]


@dataclass(frozen=True)
class Measurement:
    """The latency of one model in one runtime.

    # Attributes
        path: the `.tflite` file.
        runtime: a name of `larq_el.tflite.runners.RUNNERS`.
        bytes: size of the file.
        milliseconds: of each timed run, in order.
    """

    path: Path
    runtime: str
    bytes: int
    milliseconds: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        """Half of the runs were faster."""
        return statistics.median(self.milliseconds)

    @property
    def quartiles_ms(self) -> tuple[float, float]:
        """A quarter of the runs was faster than the first, and a quarter slower than the second."""
        if len(self.milliseconds) == 1:
            return self.median_ms, self.median_ms
        low, _, high = statistics.quantiles(self.milliseconds, n=4, method="inclusive")
        return low, high

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            **asdict(self),
            "path": str(self.path),
            "median_ms": self.median_ms,
            "quartiles_ms": self.quartiles_ms,
            "min_ms": min(self.milliseconds),
            "max_ms": max(self.milliseconds),
        }


def benchmark(
    paths: Sequence[str | os.PathLike[str]],
    *,
    runtimes: Sequence[str] | None = None,
    num_threads: int = 1,
    runs: int = 50,
    warmup: int = 5,
) -> list[Measurement]:
    """Measures the latency of models on this machine, on random input.

    # Arguments
        paths: `.tflite` files.
        runtimes: names of `larq_el.tflite.runners.RUNNERS`; None for those that are installed: "lce", "lce-indirect"
            and "native" where a model has LCE's operators, "stock" where it has none.
        num_threads: threads of each interpreter.
        runs: timed runs of each model in each runtime.
        warmup: runs of each before them that are not timed, besides one that shows that the model runs at all.

    # Returns
        A `Measurement` for each model and runtime, in the order of the arguments.

    # Raises
        ValueError: where a file is missing or damaged, a runtime is unknown or cannot run a model, or a number is out
            of its range.
    """
    check_counts(threads=num_threads, runs=runs, warmup=warmup)
    jobs = []
    for path in map(Path, paths):
        model = Flatbuffer(path)
        for runtime in runtimes or installed(fitting(model)):
            jobs.append((path, runtime, len(model.content), inference(model, runtime, num_threads)))
    times = interleave([run for *_, run in jobs], runs=runs, warmup=warmup)
    return [
        Measurement(path, runtime, size, tuple(1e3 * seconds for seconds in row))
        for (path, runtime, size, _), row in zip(jobs, times, strict=True)
    ]


def check_counts(*, threads: int, runs: int, warmup: int) -> None:
    """Refuses numbers that cannot be measured with.

    # Raises
        ValueError: where threads or runs are none, warm-ups less, or threads more than `MOST_THREADS`.
    """
    for name, value in (("threads", threads), ("runs", runs)):
        if value < 1:
            raise UserError(f"{name} must be at least 1, got {value}.")
    if threads > MOST_THREADS:
        raise UserError(f"threads must be at most {MOST_THREADS}, got {threads}; give as many as there are cores.")
    if warmup < 0:
        raise UserError(f"warmup must not be negative, got {warmup}.")


def interleave(
    jobs: Sequence[Run], *, runs: int, warmup: int, clock: Callable[[], float] = time.perf_counter
) -> list[list[float]]:
    """Times functions in turn: one run of each in a round.

    # Arguments
        jobs: functions without arguments.
        runs: timed rounds.
        warmup: rounds before them that are not timed.
        clock: seconds from some fixed moment.

    # Returns
        For each job, the seconds of its runs.

    >>> ticks = iter(range(8))
    >>> interleave([lambda: None, lambda: None], runs=2, warmup=1, clock=lambda: next(ticks))
    [[1, 1], [1, 1]]
    """
    times: list[list[float]] = [[] for _ in jobs]
    for round_number in range(warmup + runs):
        for job, row in zip(jobs, times, strict=True):
            if round_number < warmup:
                job()
                continue
            start = clock()
            job()
            row.append(clock() - start)
    return times


def inference(model: Flatbuffer, runtime: str, num_threads: int = 1) -> Run:
    """One inference as a function that has run once: some models load, and fail only then.

    # Arguments
        model: the flatbuffer.
        runtime: a name of `larq_el.tflite.runners.RUNNERS`.
        num_threads: of the runtime.

    # Raises
        ValueError: where the runtime does not run the model.
    """
    try:
        run = started(model, runtime, num_threads).timed(_random_inputs(model))
        run()
    except (RuntimeError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{model.name} does not run in {runtime!r}: {one_line(error)}.") from error
    return run


def _random_inputs(model: Flatbuffer) -> list[np.ndarray]:
    """Random reals, as each input of a flatbuffer holds them."""
    random = np.random.default_rng(0)
    return [model.stored(tensor, random.normal(size=model.tensors[tensor].shape)) for tensor in model.inputs]
