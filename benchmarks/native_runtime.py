"""The native runtime against the Larq Compute Engine's kernels and the float and int8 networks, at 224 px.

    python benchmarks/native_runtime.py [--runs 60] [--threads 1] [--output benchmarks/results]

Each network is converted (untrained: latency does not depend on the weights), with its full-precision rest as float32,
as int8 and as static int8. All run in turn in one process; medians and ratios are written to a Markdown file named
after its environment. `python native/build.py bench` measures the kernels by themselves, in multiply-accumulates a
cycle.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from larq_el import zoo
from larq_el._keras import keras
from larq_el.benchmark import Measurement, benchmark, environment
from larq_el.benchmark.environment import cpu_slug
from larq_el.convert import convert
from larq_el.convert.quantization.names import STATIC
from larq_el.files import write_atomically

BACKBONES = ("resnet26", "resnet50")
METHODS = ("el", "s", "full_precision")
RESTS = ("float32", "int8", "int8-static")


def files(folder: Path) -> list[Path]:
    paths = []
    noise = np.random.default_rng(0).normal(size=(4, 224, 224, 3)).astype(np.float32)
    for backbone in BACKBONES:
        for method in METHODS:
            keras.backend.clear_session()
            model = zoo.create_model(backbone, method)
            for rest in RESTS:
                path = folder / f"{model.name}_{rest}.tflite"
                convert(model, float_ops=rest, samples=noise if rest == STATIC else None).save(path)
                paths.append(path)
    return paths


def measure(paths: list[Path], threads: int, runs: int) -> dict[tuple[str, str], Measurement]:
    """By name of the file and runtime; LCE's default kernel is left out, which takes most of the time."""
    results = {}
    binary = [path for path in paths if path.name.startswith(("el_", "s_"))]
    float_ones = [path for path in paths if path not in binary]
    jobs = [*benchmark(binary, runtimes=["native", "lce-indirect"], num_threads=threads, runs=runs)]
    jobs += benchmark(float_ones, runtimes=["stock"], num_threads=threads, runs=runs)
    for job in jobs:
        results[job.path.stem, job.runtime] = job
    return results


def table(results: dict[tuple[str, str], Measurement]) -> list[str]:
    lines = ["| network | rest | MB | native | LCE, indirect | LiteRT |", "|---|---|---|---|---|---|"]
    for stem in dict.fromkeys(stem for stem, _ in results):
        name, rest = stem.rsplit("_", 1)
        found = {runtime: results.get((stem, runtime)) for runtime in ("native", "lce-indirect", "stock")}
        size = next(result.bytes for result in found.values() if result is not None)
        cells = ["" if result is None else f"{result.median_ms:.2f} ms" for result in found.values()]
        lines.append(f"| {name} | {rest} | {size / 1e6:.1f} | " + " | ".join(cells) + " |")
    return lines


def ratios(results: dict[tuple[str, str], Measurement]) -> list[str]:
    def ms(name: str, runtime: str) -> float:
        return results[name, runtime].median_ms

    lines = ["| | " + " | ".join(BACKBONES) + " |", "|---|" + "---|" * len(BACKBONES)]
    rows = {
        "Elastic-Link, native: faster than LCE's indirect kernel": lambda b: (
            ms(f"el_{b}_float32", "lce-indirect") / ms(f"el_{b}_float32", "native")
        ),
        "... than the float network in XNNPACK": lambda b: (
            ms(f"{b}_float32", "stock") / ms(f"el_{b}_float32", "native")
        ),
        "with the rest as int8: than the float network": lambda b: (
            ms(f"{b}_float32", "stock") / ms(f"el_{b}_int8", "native")
        ),
        "... than the int8 network in XNNPACK": lambda b: ms(f"{b}_int8", "stock") / ms(f"el_{b}_int8", "native"),
        "Elastic-Link over the network without it, native": lambda b: (
            ms(f"el_{b}_float32", "native") / ms(f"s_{b}_float32", "native")
        ),
        "... in LCE's indirect kernel": lambda b: (
            ms(f"el_{b}_float32", "lce-indirect") / ms(f"s_{b}_float32", "lce-indirect")
        ),
    }
    for name, ratio in rows.items():
        lines.append(f"| {name} | " + " | ".join(f"{ratio(backbone):.3f}x" for backbone in BACKBONES) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = measure(files(Path(folder)), args.threads, args.runs)
    where = environment(args.threads)
    head = [
        "# The native runtime",
        "",
        "Written by `python benchmarks/native_runtime.py`. "
        f"{where['cpu']}, {where['os']}, {args.threads} thread(s); Python {where['python']}, {where['packages']}. "
        f"224 px, batch 1, untrained networks, medians of {args.runs} interleaved runs.",
        "",
    ]
    text = "\n".join([*head, *table(results), "", *ratios(results)]) + "\n"
    args.output.mkdir(parents=True, exist_ok=True)
    path = args.output / f"native-runtime-{cpu_slug()}-{args.threads}-thread{'s' if args.threads > 1 else ''}.md"
    write_atomically(path, text.encode())
    print(text)


if __name__ == "__main__":
    main()
