"""Ways to write Elastic-Link's Squeeze and Expand, compared by operators and latency of the converted model.

    python benchmarks/elastic_link_formulations.py [--runs 100] [--output benchmarks/results]

For each shape of a ResNet bottleneck's 1x1, each formulation is converted twice: behind a binary convolution, which
LCE's indirect kernel runs (the figure is the time above that of the same convolution without a link), and alone, which
the stock runtime runs. All run in turn; medians are written to a Markdown file named after its environment.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from larq_el._keras import keras, lq, tf
from larq_el.benchmark import environment
from larq_el.benchmark.environment import cpu_slug
from larq_el.benchmark.local import inference, interleave
from larq_el.convert import convert, inspect
from larq_el.files import write_atomically
from larq_el.layers import ElasticLink
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.lce import interpreter

GAMMA = 4.0
SHAPES = {
    "Squeeze": [(56, 256, 64), (14, 1024, 256), (7, 2048, 512)],
    "Expand": [(56, 64, 256), (14, 256, 1024), (7, 512, 2048)],
}
Formulation = Callable[[Any, Any], Any]


def split_add_n(y: Any, x: Any) -> Any:
    return y + tf.add_n(tf.split(x, x.shape[-1] // y.shape[-1], axis=-1)) * (1 / GAMMA)


def slices_add(y: Any, x: Any) -> Any:
    width = y.shape[-1]
    first, *others = [x[..., start : start + width] for start in range(0, x.shape[-1], width)]
    for other in others:
        first = first + other
    return y + first * (1 / GAMMA)


def pool_groups(y: Any, x: Any) -> Any:
    _, height, width, channels = y.shape
    groups = x.shape[-1] // channels
    x = tf.reshape(x, [-1, height * width, groups, channels])
    x = tf.nn.avg_pool2d(x, [1, groups], [1, groups], "VALID") * (groups / GAMMA)
    return y + tf.reshape(x, [-1, height, width, channels])


def constant_1x1(y: Any, x: Any) -> Any:
    kernel = np.tile(np.eye(y.shape[-1], dtype=np.float32) / GAMMA, (x.shape[-1] // y.shape[-1], 1))
    return y + tf.nn.conv2d(x, tf.constant(kernel[None, None]), 1, "VALID")


def concat(y: Any, x: Any) -> Any:
    return y + tf.concat([x * (1 / GAMMA)] * (y.shape[-1] // x.shape[-1]), axis=-1)


def tile(y: Any, x: Any) -> Any:
    return y + tf.tile(x * (1 / GAMMA), [1, 1, 1, y.shape[-1] // x.shape[-1]])


def split_concat(y: Any, x: Any) -> Any:
    x = x * (1 / GAMMA)
    return tf.concat([part + x for part in tf.split(y, y.shape[-1] // x.shape[-1], axis=-1)], axis=-1)


def layer(y: Any, x: Any) -> Any:
    return ElasticLink(gamma_initializer=keras.initializers.Constant(GAMMA))([y, x])


FORMULATIONS: dict[str, dict[str, Formulation]] = {
    "Squeeze": {
        "split + add_n": split_add_n,
        "slices + add": slices_add,
        "average pool over groups": pool_groups,
        "1x1 convolution with a constant kernel": constant_1x1,
        "reshape + sum (ElasticLink)": layer,
    },
    "Expand": {
        "concat + add": concat,
        "tile + add": tile,
        "split + add + concat": split_concat,
        "reshape + broadcast add (ElasticLink)": layer,
    },
}


def link(formulation: Formulation, y: Any, x: Any) -> Any:
    if formulation is layer:
        return layer(y, x)
    return keras.layers.Lambda(lambda pair: formulation(*pair))([y, x])


def behind_a_convolution(formulation: Formulation | None, size: int, in_channels: int, out_channels: int) -> bytes:
    """A float multiplication, so that the convolution's input is computed and not given; the convolution; the link."""
    image = keras.Input((size, size, in_channels))
    x = keras.layers.Lambda(lambda value: value * 1.5)(image)
    y = lq.layers.QuantConv2D(
        out_channels,
        1,
        use_bias=False,
        input_quantizer="ste_sign",
        kernel_quantizer="ste_sign",
        kernel_constraint="weight_clip",
    )(x)
    y = keras.layers.BatchNormalization()(y)
    return convert(keras.Model(image, y if formulation is None else link(formulation, y, x))).flatbuffer


def alone(formulation: Formulation, size: int, in_channels: int, out_channels: int) -> bytes:
    y, x = keras.Input((size, size, out_channels)), keras.Input((size, size, in_channels))
    return convert(keras.Model([y, x], link(formulation, y, x))).flatbuffer


def lce_run(content: bytes, xnnpack: bool) -> Callable[[], Any]:
    loaded = interpreter(content, indirect=True, xnnpack=xnnpack)
    inputs = [np.random.default_rng(0).normal(size=loaded.input_shapes[0]).astype(np.float32)]
    return lambda: loaded.interpreter.predict(inputs)


def stock_run(content: bytes) -> Callable[[], Any]:
    return inference(Flatbuffer(content), "stock")


def measure(kind: str, shape: tuple[int, int, int], runs: int) -> list[str]:
    """Rows of a Markdown table: formulation, operators, microseconds."""
    formulations = FORMULATIONS[kind]
    plain = behind_a_convolution(None, *shape)
    linked = {name: behind_a_convolution(formulation, *shape) for name, formulation in formulations.items()}
    jobs = [lce_run(content, xnnpack) for content in (plain, *linked.values()) for xnnpack in (False, True)]
    jobs += [stock_run(alone(formulation, *shape)) for formulation in formulations.values()]
    medians = [1e6 * float(np.median(times)) for times in interleave(jobs, runs=runs, warmup=5)]
    rows = []
    for index, (name, content) in enumerate(linked.items(), start=1):
        with_link, without = (sum(inspect(file, trial=False).operators.values()) for file in (content, plain))
        above = [medians[2 * index + xnnpack] - medians[xnnpack] for xnnpack in (0, 1)]
        stock = medians[2 * (1 + len(linked)) + index - 1]
        rows.append(f"| {name} | {with_link - without} | {above[0]:.0f} | {above[1]:.0f} | {stock:.0f} |")
    size, in_channels, out_channels = shape
    return [
        f"\n### {kind}, {size}x{size}, {in_channels} to {out_channels} channels\n",
        "| formulation | operators | LCE, µs | LCE + XNNPACK, µs | stock, µs |",
        "|---|---|---|---|---|",
        *rows,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    where = environment(1)
    lines = [
        "# Formulations of Elastic-Link\n",
        f"{where['cpu']}, {where['os']}, 1 thread; {where['packages']}; medians of {args.runs} interleaved runs.",
        "LCE columns: time above the same binary convolution without a link (`use_indirect_bgemm=True`); stock column: "
        "the link alone.",
    ]
    for kind, shapes in SHAPES.items():
        for shape in shapes:
            lines += measure(kind, shape, args.runs)
    text = "\n".join(lines) + "\n"
    args.output.mkdir(parents=True, exist_ok=True)
    write_atomically(args.output / f"elastic-link-formulations-{cpu_slug()}-1-thread.md", text.encode())
    print(text)


if __name__ == "__main__":
    main()
