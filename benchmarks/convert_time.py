"""The time of `convert`, against the bare call of the Larq Compute Engine that does the same job.

    python benchmarks/convert_time.py [--model el_resnet50] [--runs 5] [--before CHECKOUT] [--output benchmarks/results]

All convert the same model in turn, in one process, after a first conversion of each that is not counted. Medians and
ratios to `lce.convert_keras_model` are written to a Markdown file named after its environment; a second bare call gets
the SavedModel ready-made, and has nothing to write. `convert` proves the file in each runtime that is installed;
`proof=False` does not. With --before, another checkout of this repository (`git worktree add`) and this one take turns
too, each in a process of its own that waits while the others run.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from larq_el import zoo
from larq_el.benchmark.environment import cpu_slug, described
from larq_el.convert import convert
from larq_el.files import write_atomically
from larq_el.tflite.lce import lce

BARE = "lce.convert_keras_model"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="el_resnet50")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--before", type=Path, help="another checkout, to compare with")
    parser.add_argument("--output", type=Path, help="folder of the Markdown file")
    args = parser.parse_args()
    model = zoo.create_model(args.model)
    with tempfile.TemporaryDirectory() as folder:
        model.save(folder, save_format="tf")
        converters: dict[str, Callable[[], Any]] = {
            BARE: lambda: lce.convert_keras_model(model),
            "lce.convert_saved_model": lambda: lce.convert_saved_model(folder),
            "convert": lambda: convert(model),
            "convert(proof=False)": lambda: convert(model, proof=False),
        }
        if args.before:
            for checkout in (Path(__file__).parents[1], args.before):
                converters[f"convert of {revision(checkout)}"] = elsewhere(checkout, args.model)
        seconds = measure(converters, args.runs)
    text = report(args.model, seconds)
    print(text)
    if args.output:
        name = cpu_slug()
        write_atomically(args.output / f"convert-time-{name}.md", text.encode())


WORKER = """
import sys
from larq_el import zoo
from larq_el.convert import convert
model = zoo.create_model(sys.argv[1])
for _ in sys.stdin:
    convert(model)
    print("done", flush=True)
"""


def elsewhere(checkout: Path, model: str) -> Callable[[], None]:
    """A function that converts once with the code of another checkout."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, model],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    requests, answers = process.stdin, process.stdout

    def once() -> None:
        print(file=requests, flush=True)
        if answers.readline() != "done\n":
            raise SystemExit(f"{checkout} does not convert {model}.")

    return once


def revision(checkout: Path) -> str:
    command = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def measure(converters: dict[str, Callable[[], Any]], runs: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in converters}
    for run in range(runs + 1):
        for name, converter in converters.items():
            start = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # LCE's own call saves a Keras model that is not compiled
                converter()
            if run:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def report(model: str, seconds: dict[str, list[float]]) -> str:
    header = described(os.cpu_count() or 1)
    bare = statistics.median(seconds[BARE])
    lines = [
        f"# Time to convert {model}",
        "",
        header,
        "",
        f"Medians of {len(seconds['convert'])} interleaved runs.",
        "",
        "| | seconds | least | most | ratio |",
        "|---|---|---|---|---|",
    ]
    for name, values in seconds.items():
        median = statistics.median(values)
        lines.append(f"| `{name}` | {median:.2f} | {min(values):.2f} | {max(values):.2f} | {median / bare:.2f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
