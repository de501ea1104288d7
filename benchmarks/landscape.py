"""Latency, size and published accuracy of binarized networks, and of float and int8 ones in the stock runtime.

    python benchmarks/landscape.py [--runs 40] [--threads 1] [--output benchmarks/results]

Each network is converted untrained, as latency and size do not depend on the weights, for images of 224 px. The files
of a runtime run in turn in one process, and the runtimes in turn, round after round. Accuracies are ImageNet's top-1 as
published, of the float network where a file is int8: what int8 loses was not measured. A table and a picture are
written, named after the environment.
"""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from larq_el import zoo
from larq_el._keras import keras
from larq_el.benchmark import benchmark
from larq_el.benchmark.environment import cpu_name, cpu_slug, described
from larq_el.convert import convert
from larq_el.convert.quantization.names import STATIC
from larq_el.files import write_atomically
from larq_el.introspection import leaf_layers
from larq_el.pictures import as_picture, new_figure

BINARY = ("el_resnet18", "el_resnet26", "el_resnet50", "el_mobilenet", "el_reactnet_c", "reactnet_a")
FLOAT = ("resnet18", "resnet26", "resnet50", "mobilenet")
APPLICATIONS: dict[str, tuple[Callable[..., Any], float]] = {
    "mobilenet_v2": (keras.applications.MobileNetV2, 71.3),
    "mobilenet_v3_small": (keras.applications.MobileNetV3Small, 68.1),
    "mobilenet_v3_large": (keras.applications.MobileNetV3Large, 75.6),
}
"""Networks of Keras, with the top-1 of its documentation."""
RESTS = {"native": ("float32", "int8"), "stock": ("float32", STATIC)}
ROUNDS = 4
TICKS = (0.5, 1, 2, 5, 10, 20, 50)
COLOURS = {"native": "C3", "stock": "C0"}


@dataclass(frozen=True)
class Point:
    """A file on this machine: milliseconds, megabytes, and the published top-1 of its network."""

    network: str
    runtime: str
    rest: str
    milliseconds: float
    megabytes: float
    top1: float


def build(name: str) -> tuple[Any, float]:
    """An untrained network and its published top-1."""
    keras.backend.clear_session()
    if name in APPLICATIONS:
        application, top1 = APPLICATIONS[name]
        return application(weights=None, input_shape=(224, 224, 3)), top1
    return zoo.create_model(name), zoo.describe(name)["top1"]


def normalize(model: Any, images: np.ndarray) -> None:
    """Shows BatchNorm its inputs: behind many untrained layers values vanish, and int8's ranges with them."""
    for layer in leaf_layers(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(images, training=True)


def measure(folder: Path, threads: int, runs: int) -> list[Point]:
    noise = np.random.default_rng(0).normal(size=(4, 224, 224, 3)).astype(np.float32)
    found: dict[str, tuple[str, str, str, float]] = {}
    for name in (*BINARY, *FLOAT, *APPLICATIONS):
        runtime = "native" if name in BINARY else "stock"
        model, top1 = build(name)
        normalize(model, noise)
        for rest in RESTS[runtime]:
            path = folder / f"{name}-{rest}.tflite"
            # only speed counts here, and the proof of it takes longer than the rest
            convert(model, float_ops=rest, samples=noise if rest == STATIC else None, proof=False).save(path)
            found[path.name] = (name, runtime, rest, top1)
    times: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(ROUNDS):
        for runtime in RESTS:
            paths = [folder / name for name, (_, where, _, _) in found.items() if where == runtime]
            for result in benchmark(paths, runtimes=[runtime], num_threads=threads, runs=-(-runs // ROUNDS)):
                times[result.path.name] += result.milliseconds
    return [
        Point(name, where, rest, median(times[file]), (folder / file).stat().st_size / 1e6, top1)
        for file, (name, where, rest, top1) in found.items()
    ]


def table(points: list[Point]) -> list[str]:
    lines = ["| network | runtime | rest | ms | MB | top-1, published |", "|---|---|---|---|---|---|"]
    for point in sorted(points, key=lambda point: point.milliseconds):
        cells = (point.network, point.runtime, point.rest, f"{point.milliseconds:.2f}", f"{point.megabytes:.2f}")
        lines.append("| " + " | ".join(cells) + f" | {point.top1:.1f} |")
    return lines


def picture(points: list[Point], title: str) -> bytes:
    """Top-1 over latency; the area of a point is its file's size, hollow ones are float32."""
    figure = new_figure(10, 6)
    axes = figure.subplots()
    for point in points:
        colour = COLOURS[point.runtime]
        face = "none" if point.rest == "float32" else colour
        area = 12 * point.megabytes + 10
        axes.scatter(point.milliseconds, point.top1, s=area, facecolors=face, edgecolors=colour, alpha=0.7)
        if point.rest != "float32":
            where = (point.milliseconds, point.top1)
            axes.annotate(point.network, where, xytext=(6, 5), textcoords="offset points", fontsize=8)
    for runtime, label in (("native", "binarized, larq_el.runtime"), ("stock", "float and int8, stock LiteRT")):
        axes.scatter([], [], color=COLOURS[runtime], label=label)
    axes.scatter([], [], facecolors="none", edgecolors="black", label="float32 rest (filled: int8)")
    axes.set_xscale("log")
    axes.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes.minorticks_off()
    axes.set(xlabel="milliseconds", ylabel="ImageNet top-1 as published, %", title=title)
    axes.legend(loc="lower right", fontsize=8)
    return as_picture(figure, ".png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=40, help="of each file [40]")
    parser.add_argument("--threads", type=int, default=1, help="[1]")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        points = measure(Path(folder), args.threads, args.runs)
    text = [
        "# Latency, size and published accuracy at 224 px",
        "",
        f"{described(args.threads)}; medians of {args.runs} runs in turn",
        "",
        *table(points),
    ]
    print("\n".join(text))
    threads = f"{args.threads} thread{'s' if args.threads > 1 else ''}"
    name = f"landscape-{cpu_slug()}-{threads.replace(' ', '-')}"
    args.output.mkdir(parents=True, exist_ok=True)
    write_atomically(args.output / f"{name}.md", ("\n".join(text) + "\n").encode())
    write_atomically(args.output / f"{name}.png", picture(points, f"{cpu_name()}, {threads}"))


if __name__ == "__main__":
    main()
