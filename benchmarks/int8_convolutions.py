"""Where int8 convolutions are faster in the delegate than in the stock runtime: the figures behind `pays_off`.

    python benchmarks/int8_convolutions.py [--runs 100] [--isa avx512vpopcnt] [--output benchmarks/results]

Each shape stands in a residual block, as in the networks that it is named after: a binary convolution, the int8 one
beside it (behind an average of 2x2 pixels, where the block halves the image), their sum and the next signs. The block
reads what the delegate computed, or what the stock runtime did. Then come whole networks, whose weights and activations
do not stay in caches as a block's do. The option `int8` of the delegate is off and always, for networks on too, in turn
in one process; medians of the thread's time are written to a Markdown file named after the environment.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import numpy as np

from larq_el import zoo
from larq_el._keras import keras, lq
from larq_el.benchmark import environment
from larq_el.benchmark.environment import cpu_slug
from larq_el.convert import convert
from larq_el.convert.quantization import quantize
from larq_el.convert.quantization.names import STATIC
from larq_el.files import write_atomically
from larq_el.runtime import available_isas, load_delegate
from larq_el.runtime.interpreter import stock_interpreter

BINARY = {
    "input_quantizer": "ste_sign",
    "kernel_quantizer": "ste_sign",
    "kernel_constraint": "weight_clip",
    "use_bias": False,
    "padding": "same",
}
WARM_UP = 5
RESTS = ("int8", STATIC)
NETWORKS = ("el_resnet18", "el_resnet26", "el_resnet50", "el_reactnet_c", "el_mobilenet")


@dataclass(frozen=True)
class Shape:
    """An int8 convolution: `pixels` are those of a side of the block's image."""

    name: str
    pixels: int
    channels: int
    filters: int
    size: int = 1
    strides: int = 1
    averaged: bool = True


SHAPES = [
    Shape("EL-ResNet26, 50: stage 1", 56, 64, 256, averaged=False),
    Shape("stage 2", 56, 256, 512),
    Shape("stage 3", 28, 512, 1024),
    Shape("stage 4", 14, 1024, 2048),
    Shape("EL-ResNet18: stage 2", 56, 64, 128),
    Shape("stage 3", 28, 128, 256),
    Shape("stage 4", 14, 256, 512),
    Shape("EL-ReActNet-C: 28 px", 28, 128, 256, averaged=False),
    Shape("14 px", 14, 256, 512, averaged=False),
    Shape("7 px", 7, 512, 1024, averaged=False),
    Shape("3x3, 28 px", 28, 128, 128, size=3, averaged=False),
    Shape("3x3, 14 px", 14, 256, 256, size=3, averaged=False),
    Shape("stem of ResNets", 224, 3, 64, size=7, strides=2, averaged=False),
    Shape("stem of MobileNets", 224, 3, 32, size=3, strides=2, averaged=False),
]


def block(shape: Shape, inside: bool) -> Any:
    """The model around a convolution, whose image the delegate computes where it is `inside`."""
    image = x = keras.Input((shape.pixels, shape.pixels, shape.channels))
    if inside:
        x = keras.layers.Add()([lq.layers.QuantConv2D(shape.channels, 1, **BINARY)(x), x])
    strides = shape.strides * (2 if shape.averaged else 1)
    y = keras.layers.BatchNormalization()(lq.layers.QuantConv2D(shape.filters, 1, strides=strides, **BINARY)(x))
    z = keras.layers.AveragePooling2D(2)(x) if shape.averaged else x
    z = keras.layers.Conv2D(shape.filters, shape.size, strides=shape.strides, padding="same", use_bias=False)(z)
    y = keras.layers.Add()([y, keras.layers.BatchNormalization()(z)])
    return keras.Model(image, keras.layers.BatchNormalization()(lq.layers.QuantConv2D(64, 1, **BINARY)(y)))


def measure(model: Any, rest: str, isa: str, runs: int, options: Sequence[str]) -> list[float]:
    """Milliseconds of a model with each value of the option `int8`."""
    samples = np.random.default_rng(0).normal(size=(4, *model.input_shape[1:])).astype(np.float32)
    flatbuffer = convert(model, float_ops=rest, samples=samples if rest == STATIC else None, proof=False).flatbuffer
    interpreters = [stock_interpreter(flatbuffer, delegate=load_delegate(isa=isa, int8=int8)) for int8 in options]
    times: list[list[float]] = [[] for _ in options]
    for interpreter in interpreters:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], samples[:1])
    for _ in range(runs + WARM_UP):
        for interpreter, seconds in zip(interpreters, times, strict=True):
            start = time.thread_time()
            interpreter.invoke()
            seconds.append(time.thread_time() - start)
    return [1e3 * median(seconds[WARM_UP:]) for seconds in times]


def blocks(isa: str, runs: int) -> Iterator[str]:
    yield "| convolution | rest | behind the delegate: left, claimed | ratio | behind the runtime | ratio |"
    yield "|---|---|---|---|---|---|"
    for shape in SHAPES:
        window = f"{shape.size}x{shape.size}/{shape.strides}" if shape.size * shape.strides > 1 else "1x1"
        what = f"{shape.name}: {window}, {shape.channels} to {shape.filters}{', averaged' if shape.averaged else ''}"
        for rest in RESTS:
            cells = []
            for inside in (True, False):
                keras.backend.clear_session()
                with mock.patch.object(quantize, "EXACT_SHARE", 0.0):  # which keeps small convolutions in float32
                    left, claimed = measure(block(shape, inside), rest, isa, runs, ("off", "always"))
                cells += [f"{left:.3f}, {claimed:.3f} ms", f"{left / claimed:.2f}"]
            yield f"| {what} | {rest} | " + " | ".join(cells) + " |"


def networks(isa: str, runs: int) -> Iterator[str]:
    yield "| network | rest | left | by the rule | all | ratio by the rule | of all |"
    yield "|---|---|---|---|---|---|---|"
    for name in NETWORKS:
        for rest in RESTS:
            keras.backend.clear_session()
            left, ruled, claimed = measure(zoo.create_model(name), rest, isa, runs, ("off", "on", "always"))
            times = " | ".join(f"{ms:.3f} ms" for ms in (left, ruled, claimed))
            yield f"| {name} | {rest} | {times} | {left / ruled:.3f} | {left / claimed:.3f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--isa", default=available_isas()[0], choices=available_isas())
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    where = environment(1)
    head = [
        "# int8 convolutions in the delegate and in the stock runtime",
        "",
        f"Written by `python benchmarks/int8_convolutions.py`. {where['cpu']}, {where['os']}, 1 thread, {args.isa}. "
        f"Python {where['python']}, {where['packages']}. Medians of {args.runs} interleaved runs of a "
        "network or a residual block, the thread's time; the stock runtime uses the processor's best kernels whatever "
        "the isa.",
        "",
    ]
    lines = head
    for line in chain(networks(args.isa, args.runs), [""], blocks(args.isa, args.runs)):
        print(line, flush=True)
        lines.append(line)
    text = "\n".join(lines) + "\n"
    args.output.mkdir(parents=True, exist_ok=True)
    path = args.output / f"int8-convolutions-{cpu_slug()}-{args.isa}-1-thread.md"
    write_atomically(path, text.encode())


if __name__ == "__main__":
    main()
