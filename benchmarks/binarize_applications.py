"""Networks that no one here wrote, made binary: those of `tf.keras.applications`, through everything to the device.

    python benchmarks/binarize_applications.py [--only NAME ...] [--runs 30] [--output benchmarks/results]

Each is built untrained for 1000 classes at its own image size, binarized with Elastic-Link, takes a training step, is
saved and loaded, converted with int8 rest (float32 where the proof finds int8 too coarse), proven against Keras layer
by layer, and runs natively; its float original runs beside it as int8 in the stock runtime, one thread, in turn in one
process. Each has a process of its own, and a failure is named in the table.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from larq_el._keras import keras
from larq_el.benchmark.environment import cpu_slug, described
from larq_el.errors import DifferenceError, UserError
from larq_el.files import write_atomically

SIZES = {
    "VGG16": 224,
    "ResNet50": 224,
    "ResNet50V2": 224,
    "ResNet101": 224,
    "InceptionV3": 299,
    "InceptionResNetV2": 299,
    "Xception": 299,
    "MobileNet": 224,
    "MobileNetV2": 224,
    "MobileNetV3Small": 224,
    "DenseNet121": 224,
    "NASNetMobile": 224,
    "EfficientNetB0": 224,
    "EfficientNetV2B0": 224,
    "ConvNeXtTiny": 224,
    "RegNetX002": 224,
}
"""Images in pixels."""
COLUMNS = {
    "binary": "binary convolutions",
    "bits": "as LceBconv2d",
    "share": "MACs on bits",
    "links": "links",
    "settled": "signs centred, inputs normalized, links left out",
    "positive": "+1, mean (least to most)",
    "largest": "largest value",
    "dead": "kernels without gradient",
    "convert": "convert, s",
    "rest": "rest",
    "size": "MB, float32 to binary",
    "native": "native, ms",
    "stock": "int8 original, ms",
    "ratio": "faster",
}


def one(name: str, runs: int) -> dict[str, str]:
    """A row of the table."""
    from larq_el.binarizing import binarize
    from larq_el.layers import ElasticLink

    keras.utils.set_random_seed(0)
    size = SIZES[name]
    float_model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3))
    plan, made = binarize(float_model, plan=True), binarize(float_model)
    images = np.random.default_rng(0).uniform(0, 255, (4, size, size, 3)).astype(np.float32)
    reasons = [layer.why for layer in plan.layers if layer.binary]
    settled = [sum(what in reason for reason in reasons) for what in ("sign is centred", "is normalized", "no link")]
    row = {
        "settled": ", ".join(map(str, settled)),
        "binary": str(sum(layer.binary for layer in plan.layers)),
        "share": f"{(plan.binary_macs or 0) / (plan.macs or 1):.1%}",
        "links": str(sum(isinstance(layer, ElasticLink) for layer in made.layers)),
        **health(made, images),
    }
    with tempfile.TemporaryDirectory() as folder:
        row |= converted(float_model, made, images, Path(folder), runs)
    return row


def health(model: Any, images: np.ndarray) -> dict[str, str]:
    """Its signs, before any training."""
    from larq_el.binarizing import signs_of

    found = signs_of(model, images)
    shares = [signs.positive for signs in found]
    return {
        "positive": f"{np.mean(shares):.0%} ({min(shares):.0%} to {max(shares):.0%})",
        "largest": f"{max(signs.largest for signs in found):.0f}",
        "dead": str(sum(not signs.learns for signs in found)),
    }


def converted(float_model: Any, made: Any, images: np.ndarray, folder: Path, runs: int) -> dict[str, str]:
    """Sizes and times of the files; the binary one is saved, loaded, converted and proven."""
    from larq_el.benchmark import benchmark
    from larq_el.convert import convert, load_model

    step(made, images)
    made.save(folder / "made.keras")
    loaded = load_model(folder / "made.keras")
    np.testing.assert_allclose(loaded(images[:1], training=False), made(images[:1], training=False), rtol=1e-5)
    start, rest = time.perf_counter(), "int8"
    try:
        conversion = convert(loaded, float_ops=rest)
    except DifferenceError:  # of an untrained network int8 may be too coarse
        start, rest = time.perf_counter(), "float32"
        conversion = convert(loaded, float_ops=rest)
    seconds = time.perf_counter() - start
    if conversion.report.lost:
        raise SystemExit(f"{len(conversion.report.lost)} convolutions are lost, {conversion.report.lost[0].reason}")
    conversion.save(folder / "binary.tflite")
    keep_up(float_model)  # a BatchNorm that has seen nothing lets values vanish, and int8's ranges with them
    float_model(images, training=True)
    files = {"native": "binary.tflite", "stock": "int8.tflite"}
    try:
        convert(float_model, float_ops="int8-static", samples=images, proof=False).save(folder / files["stock"])
    except UserError:  # ConvNeXt's exact GELU: no runtime here has its error function
        del files["stock"]
    times: dict[str, list[float]] = {runtime: [] for runtime in files}
    for _ in range(3):
        for runtime, file in files.items():
            (result,) = benchmark([folder / file], runtimes=[runtime], runs=-(-runs // 3))
            times[runtime] += result.milliseconds
    native, stock = median(times["native"]), median(times["stock"]) if "stock" in times else float("nan")
    return {
        "rest": rest,
        "bits": str(sum(conv.operator == "LceBconv2d" for conv in conversion.report.convolutions)),
        "convert": f"{seconds:.0f}",
        "size": f"{4 * float_model.count_params() / 1e6:.1f} to {(folder / 'binary.tflite').stat().st_size / 1e6:.1f}",
        "native": f"{native:.2f}",
        "stock": f"{stock:.2f}",
        "ratio": f"{stock / native:.2f}",
    }


def keep_up(model: Any) -> None:
    """Lets each BatchNorm take its statistics from the next batch alone."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0


def step(model: Any, images: np.ndarray) -> None:
    """One step of a training."""
    keep_up(model)
    model.compile(keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy", run_eagerly=True)
    loss = model.train_on_batch(images, np.arange(len(images)))
    if not np.isfinite(loss):
        raise SystemExit(f"the loss is {loss}")


def row_of(name: str, runs: int) -> str:
    """A row, made in a process of its own."""
    command = [sys.executable, __file__, "--child", name, "--runs", str(runs)]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode:
        reason = (ran.stderr.strip().splitlines() or ["it was killed"])[-1]
        return f"| {name} | fails: {reason} |"
    row = json.loads(ran.stdout.splitlines()[-1])
    return f"| {name} | {SIZES[name]} | " + " | ".join(row[key] for key in COLUMNS) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=SIZES, help="may be given several times [all of them]")
    parser.add_argument("--runs", type=int, default=30, help="of each file [30]")
    parser.add_argument("--output", type=Path, help="folder for the table [it is printed only]")
    parser.add_argument("--child", choices=SIZES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child is not None:
        print(json.dumps(one(args.child, args.runs)))
        return
    header = described(1)
    lines = ["# Networks of tf.keras.applications, binarized by larq_el.binarize", "", header, ""]
    lines += ["| network | px | " + " | ".join(COLUMNS.values()) + " |", "|---" * (2 + len(COLUMNS)) + "|"]
    for name in args.only or SIZES:
        lines.append(row_of(name, args.runs))
        print(lines[-1], flush=True)
        if args.output is not None:  # after each: all of them take half an hour
            os.makedirs(args.output, exist_ok=True)
            path = args.output / f"binarize-applications-{cpu_slug()}-1-thread.md"
            write_atomically(path, ("\n".join(lines) + "\n").encode())


if __name__ == "__main__":
    main()
