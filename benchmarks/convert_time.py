"""The time of `convert`, against the bare call of the Larq Compute Engine that does the same job.

    python benchmarks/convert_time.py [--model el_resnet50] [--runs 5] [--output benchmarks/results]

All convert the same model in turn, in one process, after a first conversion of each that is not counted. Medians and
ratios to `lce.convert_keras_model` are written to a Markdown file named after its environment; a second bare call gets
the SavedModel ready-made, and has nothing to write. Verification (`larq-el verify`) is no part of it.
"""

import argparse
import os
import re
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from larq_el import zoo
from larq_el._lce import lce
from larq_el.benchmark.environment import environment
from larq_el.convert import convert
from larq_el.files import write_atomically

BARE = "lce.convert_keras_model"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="el_resnet50")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--output", type=Path, help="folder of the Markdown file")
    args = parser.parse_args()
    model = zoo.create_model(args.model)
    with tempfile.TemporaryDirectory() as folder:
        model.save(folder, save_format="tf")
        converters: dict[str, Callable[[], Any]] = {
            BARE: lambda: lce.convert_keras_model(model),
            "lce.convert_saved_model": lambda: lce.convert_saved_model(folder),
            "convert": lambda: convert(model),
        }
        seconds = measure(converters, args.runs)
    text = report(args.model, seconds)
    print(text)
    if args.output:
        name = re.sub(r"[^a-z0-9]+", "-", str(environment(0)["cpu"]).lower()).strip("-")
        write_atomically(args.output / f"convert-time-{name}.md", text.encode())


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
    header = "; ".join(f"{key}: {value}" for key, value in environment(os.cpu_count() or 1).items())
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
