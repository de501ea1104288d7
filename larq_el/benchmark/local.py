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

from larq_el.errors import UserError, closest, one_line
from larq_el.runtime.interpreter import MOST_THREADS
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.probe import check_runs

Run = Callable[[], Any]


@dataclass(frozen=True)
class Measurement:
    """The latency of one model in one runtime.

    # Attributes
        path: the `.tflite` file.
        runtime: a name of `RUNTIMES`.
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
        runtimes: names of `RUNTIMES`; None for "lce", "lce-indirect" and "native" where a model has LCE's operators,
            "stock" where it has none.
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
        for runtime in _runtimes_for(model, runtimes, path):
            jobs.append((path, runtime, len(model.content), _started(path, model, runtime, num_threads)))
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


def _runtimes_for(model: Flatbuffer, runtimes: Sequence[str] | None, path: Path) -> Sequence[str]:
    binary = sorted({operator.name for operator in model.all_operators if operator.name.startswith("Lce")})
    if runtimes is None:
        return ("lce", "lce-indirect", "native") if binary else ("stock",)
    for name in runtimes:
        if name not in RUNTIMES:
            raise UserError(f"there is no runtime {name!r}; {closest(name, RUNTIMES)}")
        if name == "stock" and binary:
            raise UserError(f"{str(path)!r} holds {binary[0]}, which the stock runtime cannot run; use 'native'.")
    return runtimes


def _started(path: Path, model: Flatbuffer, runtime: str, num_threads: int) -> Run:
    """One inference as a function that has run once: some models load, and fail only then."""
    check_runs(model.content, model.name, runtime=runtime)
    try:
        run = RUNTIMES[runtime](model, num_threads)
        run()
    except (RuntimeError, ValueError) as error:
        raise UserError(f"{str(path)!r} does not run in {runtime!r}: {one_line(error)}.") from error
    return run


def _inputs(model: Flatbuffer) -> list[np.ndarray]:
    """Random reals, as each input holds them."""
    random = np.random.default_rng(0)
    return [model.stored(tensor, random.normal(size=model.tensors[tensor].shape)) for tensor in model.inputs]


def _lce(model: Flatbuffer, num_threads: int, *, indirect: bool) -> Run:
    """LCE's interpreter, with XNNPACK for the float part; its one call copies the input and the output too."""
    from larq_el.tflite.lce import interpreter

    loaded = interpreter(model.content, num_threads=num_threads, indirect=indirect, xnnpack=True)
    inputs = _inputs(model)
    return lambda: loaded.interpreter.predict(inputs)


def _stock(model: Flatbuffer, num_threads: int) -> Run:
    """The LiteRT runtime, with XNNPACK."""
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(model_content=model.content, num_threads=num_threads)
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise UserError(f"the stock runtime cannot run the model: {error}.") from error
    return _invocation(interpreter, model)


def _native(model: Flatbuffer, num_threads: int) -> Run:
    """The LiteRT runtime with the native delegate, and XNNPACK for the float part."""
    from larq_el.runtime.interpreter import stock_interpreter

    return _invocation(stock_interpreter(model.content, num_threads=num_threads), model)


def _invocation(interpreter: Any, model: Flatbuffer) -> Run:
    """One inference of a stock interpreter, whose input is set before."""
    for detail, value in zip(interpreter.get_input_details(), _inputs(model), strict=True):
        interpreter.set_tensor(detail["index"], value)
    return interpreter.invoke


RUNTIMES: dict[str, Callable[[Flatbuffer, int], Run]] = {
    "lce": lambda model, threads: _lce(model, threads, indirect=False),
    "lce-indirect": lambda model, threads: _lce(model, threads, indirect=True),
    "native": _native,
    "stock": _stock,
}
"""Name to a function of a model and a number of threads, that gives one inference as a function."""
