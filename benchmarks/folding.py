"""What folding gains: operators taken out, and latency, of full-size networks.

    python benchmarks/folding.py [--models el_resnet50 ...] [--runs 60] [--output benchmarks/results]

BatchNorms and gammas are given random positive values, as training would. Both flatbuffers of each network run in turn
in one process, by LCE's indirect kernels with XNNPACK and by the native runtime; times are those that the thread spent
computing, so that other work on the machine matters less. Medians and ratios are written to a Markdown file named after
its environment.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from larq_el import zoo
from larq_el.benchmark import environment
from larq_el.benchmark.environment import cpu_slug
from larq_el.benchmark.local import inference, interleave
from larq_el.convert import convert
from larq_el.files import write_atomically
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.lce import interpreter

MODELS = ["el_resnet26", "el_resnet50", "el_mobilenet", "real_to_bin_resnet18", "abc_3x3_resnet18", "ci_net_resnet18"]


def measure(name: str, runs: int) -> str:
    """A row of the table."""
    model = zoo.create_model(name)
    random = np.random.default_rng(0)
    for weight in model.weights:
        if any(kind in weight.name for kind in ("gamma", "moving_variance")):
            weight.assign(random.uniform(0.5, 1.5) * np.ones(weight.shape, np.float32))
        elif "beta" in weight.name:
            weight.assign(random.uniform(-0.5, 0.5, weight.shape))
    conversions = [convert(model, folding=folding) for folding in (False, True)]
    folded = conversions[1].report.folding
    jobs = []
    for runtime in ("lce", "native"):
        for conversion in conversions:
            if runtime == "lce":
                loaded = interpreter(conversion.flatbuffer, indirect=True, xnnpack=True)
                image = np.random.default_rng(1).normal(size=loaded.input_shapes[0]).astype(np.float32)
                jobs.append(lambda loaded=loaded, image=image: loaded.interpreter.predict([image]))
            else:
                jobs.append(inference(Flatbuffer(conversion.flatbuffer), runtime))
    times = interleave(jobs, runs=runs, warmup=5, clock=time.thread_time)
    before, after, native_before, native_after = (1e3 * float(np.median(row)) for row in times)
    gone = sum(folded.operators.values()) if folded is not None else 0
    left = sum(conversions[1].report.operators.values())
    return (
        f"| {name} | {left + gone} | {gone} | {before:.2f} | {after:.2f} | {after / before:.3f} | "
        f"{native_before:.2f} | {native_after:.2f} | {native_after / native_before:.3f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    where = environment(1)
    lines = [
        "# What folding gains\n",
        f"{where['cpu']}, {where['os']}, 1 thread; {where['packages']}; medians of {args.runs} interleaved runs, the "
        "thread's own time in milliseconds, without and with folding.\n",
        "| network | operators | taken out | LCE indirect + XNNPACK | folded | ratio | native | folded | ratio |",
        "|---|---|---|---|---|---|---|---|---|",
        *(measure(name, args.runs) for name in args.models),
    ]
    text = "\n".join(lines) + "\n"
    args.output.mkdir(parents=True, exist_ok=True)
    write_atomically(args.output / f"folding-{cpu_slug()}-1-thread.md", text.encode())
    print(text)


if __name__ == "__main__":
    main()
