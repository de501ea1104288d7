"""What following each piece of the converter's advice gains, on this machine.

    python benchmarks/advice.py [--runs 60] [--output benchmarks/results]

Each case is a network of four binary 3x3 convolutions, as the advice finds it and as it would have it; both run in turn
in one process, by LCE's indirect kernels and by the native runtime. Times are those that the thread spent computing,
so that other work on the machine matters less. Medians and their ratios are written to a Markdown file named after its
environment. `larq_el.convert.report.advice` quotes the range of the ratios.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from larq_el._keras import keras, lq
from larq_el.benchmark import environment
from larq_el.benchmark.environment import cpu_slug
from larq_el.benchmark.local import inference, interleave
from larq_el.convert import convert
from larq_el.files import write_atomically
from larq_el.tflite.flatbuffer import Flatbuffer

LAYERS = 4
SHAPES = [(56, 64), (28, 128), (14, 256), (7, 512)]


def conv(channels: int, pad_values: float) -> Any:
    signs = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}
    return lq.layers.QuantConv2D(channels, 3, padding="same", pad_values=pad_values, use_bias=False, **signs)


def norm() -> Any:
    ones = keras.initializers.RandomUniform(0.5, 1.5, 0)
    return keras.layers.BatchNormalization(gamma_initializer=ones, beta_initializer=ones)


def network(size: int, channels: int, block: Callable[[Any, int], Any]) -> bytes:
    image = keras.Input((size, size, channels))
    x = keras.layers.Rescaling(1.5)(image)
    for _ in range(LAYERS):
        x = block(x, channels)
    return convert(keras.Model(image, x)).flatbuffer


def linked(pad_values: float) -> Callable[[Any, int], Any]:
    return lambda x, channels: keras.layers.Add()([norm()(conv(channels, pad_values)(x)), x])


def in_a_row(pad_values: float) -> Callable[[Any, int], Any]:
    return lambda x, channels: norm()(conv(channels, pad_values)(x))


def relu_behind(x: Any, channels: int) -> Any:
    return keras.layers.Add()([keras.layers.ReLU()(norm()(conv(channels, 1.0)(x))), x])


def relu_before(x: Any, channels: int) -> Any:
    return keras.layers.Add()([norm()(keras.layers.ReLU()(conv(channels, 1.0)(x))), x])


def more_channels(channels: int) -> tuple[int, int]:
    """A number of channels that is no multiple of 64, and the next one that is."""
    found = channels * 3 // 4 - 8
    return found, -(-found // 64) * 64


CASES: dict[str, Callable[[int, int], tuple[bytes, bytes]]] = {
    "one-padding, a shortcut over each convolution": lambda size, channels: (
        network(size, channels, linked(0.0)),
        network(size, channels, linked(1.0)),
    ),
    "one-padding, convolutions in a row": lambda size, channels: (
        network(size, channels, in_a_row(0.0)),
        network(size, channels, in_a_row(1.0)),
    ),
    "ReLU between convolution and BatchNorm": lambda size, channels: (
        network(size, channels, relu_behind),
        network(size, channels, relu_before),
    ),
    "channels, a multiple of 64": lambda size, channels: (
        network(size, more_channels(channels)[0], linked(0.0)),
        network(size, more_channels(channels)[1], linked(0.0)),
    ),
}


def measure(name: str, size: int, channels: int, runs: int) -> str:
    """A row of the table."""
    pair = CASES[name](size, channels)
    jobs = [inference(Flatbuffer(content), runtime) for runtime in ("lce-indirect", "native") for content in pair]
    medians = [float(np.median(times)) for times in interleave(jobs, runs=runs, warmup=5, clock=time.thread_time)]
    columns = []
    for before, after in (medians[:2], medians[2:]):
        columns.append(f"{1e6 * before:.0f} | {1e6 * after:.0f} | {before / after:.2f}")
    shape = f"{size}x{size}, {channels} channels"
    if name.startswith("channels"):
        few, many = more_channels(channels)
        shape = f"{size}x{size}, {few} and {many} channels"
    return f"| {name} | {shape} | {' | '.join(columns)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    where = environment(1)
    lines = [
        "# What the converter's advice gains\n",
        f"{where['cpu']}, {where['os']}, 1 thread; {where['packages']}; medians of {args.runs} interleaved runs of a "
        f"network of {LAYERS} binary 3x3 convolutions, the thread's own time in microseconds, as found and as advised. "
        "In the last case the advised network computes more, for the time given.\n",
        "| advice | network | LCE indirect, found | advised | ratio | native, found | advised | ratio |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [measure(name, *shape, args.runs) for name in CASES for shape in SHAPES]
    text = "\n".join(lines) + "\n"
    args.output.mkdir(parents=True, exist_ok=True)
    write_atomically(args.output / f"advice-{cpu_slug()}-1-thread.md", text.encode())
    print(text)


if __name__ == "__main__":
    main()
