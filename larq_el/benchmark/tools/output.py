"""What `lce_benchmark_model` and TFLite's `benchmark_model` print, as figures.

The lines that matter (older builds print them without `INFO: `, and a prefix may stand before them):

    count=8 first=80064 curr=66743 min=59521 max=80064 avg=65949.1 std=5831      the warm-up, in microseconds
    count=20 first=61179 curr=55021 min=52947 max=68222 avg=59548.9 std=4545     the timed runs
    Inference timings in us: Init: 18081, First inference: 80064, Warmup (avg): 65949.1, Inference (avg): 59548.9
    Memory footprint delta from the start of the tool (MB): init=41.6289 overall=70.7188

Averages have six digits, from a second on as 4.87166e+06. `--num_runs` is a minimum: `count` says what was run.
"""

import re
from dataclasses import dataclass

from larq_el.benchmark.tools.failures import check_status
from larq_el.benchmark.tools.profile import OutputError, Profile, parse_profiles

# what the runtime writes to standard error; captured together with standard output it lands inside other lines
_INTRUDER = re.compile(r"INFO: Created TensorFlow Lite XNNPACK delegate for CPU\.\n")
_TIMINGS = re.compile(r"(Init|First inference|Warmup|Inference)(?: \(avg\))?: ([-+.\de]+)")
_LITERT = re.compile(r"^(Model initialization|Warmup|Inference)(?: \((\w+)\))?: +([\d.]+) ms(?: \((\d+) runs)?", re.M)


@dataclass(frozen=True)
class Statistic:
    """Runs of a model, in microseconds; None for what the tool did not print.

    # Attributes
        count: how many runs there were.
        average, std, minimum, maximum, first, last: of them.
        median, p5, p95: which some builds print.
    """

    count: int
    average: float | None = None
    std: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    first: float | None = None
    last: float | None = None
    median: float | None = None
    p5: float | None = None
    p95: float | None = None


@dataclass(frozen=True)
class ToolOutput:
    """The figures of one call of a tool.

    # Attributes
        init_us: to load the model and prepare it.
        first_us: the first inference of the warm-up; None where there was no warm-up.
        warmup: the runs before the timed ones.
        runs: the timed runs; its `count` is 0 after a dry run.
        memory_init_mb: growth of the process while it prepared the model.
        memory_overall_mb: growth until the end.
        memory_peak_mb: with `--report_peak_memory_footprint`.
        model_mb: size of the file.
        warnings: such as flags that the tool does not know, and ignored.
        initialization, profile: with `--enable_op_profiling`, of preparing the model and of the timed runs.
    """

    init_us: float
    first_us: float | None
    warmup: Statistic
    runs: Statistic
    memory_init_mb: float | None = None
    memory_overall_mb: float | None = None
    memory_peak_mb: float | None = None
    model_mb: float | None = None
    warnings: tuple[str, ...] = ()
    initialization: Profile | None = None
    profile: Profile | None = None


def parse_output(stdout: str, stderr: str = "", status: int = 0, *, csv: str = "") -> ToolOutput:
    """The figures of one call of a benchmark tool.

    # Arguments
        stdout: what it printed; standard error may be mixed into it.
        stderr: what it printed there.
        status: its exit status, negative or above 128 where a signal ended it.
        csv: content of the file of `--profiling_output_csv_file`.

    # Raises
        ToolError: where it failed.
        OutputError: where it succeeded and its output has no timings, or makes no sense.
    """
    text = _INTRUDER.sub("", stdout.replace("\r", ""))
    check_status(text, stderr.replace("\r", ""), status)
    if "BENCHMARK RESULTS" in text:
        return _litert(text)
    timings = _timings(text)
    warmup, runs = _statistics(text)
    initialization, profile = parse_profiles(csv or text)
    return ToolOutput(
        init_us=timings["Init"],
        first_us=timings.get("First inference") if warmup.count else None,
        warmup=warmup,
        runs=runs,
        memory_init_mb=_number(r"(?:Memory footprint|Peak memory footprint).*: init=(\S+)", text),
        memory_overall_mb=_number(r"(?:Memory footprint|Peak memory footprint).*: init=\S+ overall=(\S+)", text),
        memory_peak_mb=_number(r"Overall peak memory footprint \(MB\).*: (\S+)", text),
        model_mb=_number(r"The input model file size \(MB\): (\S+)", text),
        warnings=tuple(dict.fromkeys(re.findall(r"^WARN: (?:WARNING: )?(.*)", text, re.M))),
        initialization=initialization,
        profile=profile,
    )


def parse_statistic(line: str) -> Statistic:
    """One `count=` line.

    >>> parse_statistic("count=20 first=31 curr=22 min=20 max=31 avg=2.21e+01 std=3").average
    22.1
    >>> parse_statistic("count=1 curr=289484").maximum
    289484.0
    """
    fields = dict(re.findall(r"(\w+)=([-+.\w]+)", line))
    try:
        count = int(fields.pop("count"))
        values = {name: float(value) for name, value in fields.items()}
    except (KeyError, ValueError) as error:
        raise OutputError(f"this is no line of statistics: {line.strip()!r}.") from error
    last = values.get("curr")
    if "avg" not in values:
        # one run, or several of the same length; none has no value at all
        return Statistic(count, last, None if last is None else 0.0, last, last, last, last)
    return Statistic(
        count,
        average=values["avg"],
        std=values.get("std"),
        minimum=values.get("min"),
        maximum=values.get("max"),
        first=values.get("first"),
        last=last,
        median=values.get("median"),
        p5=values.get("p5"),
        p95=values.get("p95"),
    )


def _timings(text: str) -> dict[str, float]:
    for line in text.splitlines():
        if "nference timings in us: " in line:
            timings = {name: float(value) for name, value in _TIMINGS.findall(line.split(" in us: ", 1)[1])}
            if "Init" in timings:
                return timings
    last = text.strip().rsplit("\n", 1)[-1]
    raise OutputError(f"the tool printed no line 'Inference timings'; its last line was {last!r}.")


def _statistics(text: str) -> tuple[Statistic, Statistic]:
    """The warm-up and the timed runs; the first two different announcements, where lines are repeated."""
    found: list[Statistic] = []
    previous = ""
    for line in text.splitlines():
        # the profile has statistics of its own, behind other words
        match = re.match(r"(?:.*\s)?(count=\d+.*)", line)
        if match is None or re.match(r"\s*(Timings|Memory) \(", line):
            previous = line or previous
            continue
        if match[1] != previous:
            found.append(parse_statistic(match[1]))
        previous = match[1]
    if len(found) < 2:
        raise OutputError(f"the tool printed {len(found)} lines of statistics, and two were expected.")
    return found[0], found[1]


def _number(pattern: str, text: str) -> float | None:
    match = re.search(pattern, text)
    return None if match is None else float(match[1])


def _litert(text: str) -> ToolOutput:
    """The summary of `litert-benchmark`, which is in milliseconds."""
    values = {(part, what): 1e3 * float(value) for part, what, value, _ in _LITERT.findall(text)}
    counts = {part: int(count) for part, _, _, count in _LITERT.findall(text) if count}
    if ("Model initialization", "") not in values or "Inference" not in counts:
        raise OutputError("the summary has no line 'Model initialization' or 'Inference (avg)'.")

    def statistic(part: str) -> Statistic:
        names = {"average": "avg", "minimum": "min", "maximum": "max"}
        fields = ("average", "std", "minimum", "maximum", "first", "median", "p5", "p95")
        found = {field: values.get((part, names.get(field, field))) for field in fields}
        return Statistic(counts.get(part, 0), **found)

    return ToolOutput(
        init_us=values["Model initialization", ""],
        first_us=values.get(("Warmup", "first")),
        warmup=statistic("Warmup"),
        runs=statistic("Inference"),
    )
