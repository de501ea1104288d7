"""Images a second of a training step, of networks that differ by what Elastic-Link is made of.

    python benchmarks/training_step.py [--size 32] [--width 0.25] [--batch 128] [--rounds 15] [--plain] [--output DIR]

Each network has a process of its own, whose steps take turns with the others'; medians of the rounds. --plain adds
EL-ResNet26 without the fused gradients.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from larq_el.benchmark.environment import environment
from larq_el.files import write_atomically

NETWORKS = ("resnet26", "s_resnet26", "s_ks_resnet26", "el_resnet26")
STEPS = 6
"""Of a turn."""
PAUSE = 0.3
"""Seconds before a turn, in which the threads of the network before stop waiting for work."""
WORKER = """
import contextlib, sys
import numpy as np
from larq_el import zoo
from larq_el._keras import keras, tf
from larq_el.training.gradients import fused_gradients
name, width, plain = sys.argv[1], float(sys.argv[3]), sys.argv[5] == "1"
size, batch = int(sys.argv[2]), int(sys.argv[4])
keras.utils.set_random_seed(0)
if plain:
    from larq_el.layers import ActivationScale, ElasticLink
    for layer in (ActivationScale, ElasticLink):
        layer.call = (lambda call: lambda self, inputs, training=None: call(self, inputs, training=False))(layer.call)
model = zoo.create_model(name, input_shape=(size, size, 3), classes=10, width=width)
model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
x = tf.constant(np.random.default_rng(0).normal(scale=60, size=(batch, size, size, 3)).astype("float32"))
y = tf.constant(np.arange(batch) % 10)
with contextlib.nullcontext() if plain else fused_gradients():
    model.train_on_batch(x, y)
print("ready", flush=True)
for line in sys.stdin:
    for _ in range(int(line)):
        model.train_on_batch(x, y)
    print("done", flush=True)
"""


class Worker:
    """A network that trains when it is told to."""

    def __init__(self, name: str, args: argparse.Namespace, plain: bool) -> None:
        given = [name, str(args.size), str(args.width), str(args.batch), str(int(plain))]
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER, *given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._wait("ready")

    def seconds(self, steps: int) -> float:
        """Of some steps."""
        time.sleep(PAUSE)
        start = time.perf_counter()
        assert self._process.stdin is not None
        print(steps, file=self._process.stdin, flush=True)
        self._wait("done")
        return time.perf_counter() - start

    def _wait(self, word: str) -> None:
        assert self._process.stdout is not None
        if self._process.stdout.readline() != f"{word}\n":
            raise SystemExit("a network does not train.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=32, help="of the images, in pixels")
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--plain", action="store_true", help="EL-ResNet26 without fused gradients too")
    parser.add_argument("--output", type=Path, help="folder of the Markdown file")
    args = parser.parse_args()
    workers = {name: Worker(name, args, False) for name in NETWORKS}
    if args.plain:
        workers["el_resnet26, plain gradients"] = Worker("el_resnet26", args, True)
    rates: dict[str, list[float]] = {name: [] for name in workers}
    for _ in range(args.rounds):
        for name, worker in workers.items():
            rates[name].append(STEPS * args.batch / worker.seconds(STEPS))
    text = report(args, rates)
    print(text)
    if args.output:
        cpu = re.sub(r"[^a-z0-9]+", "-", str(environment(0)["cpu"]).lower()).strip("-")
        name = f"training-step-{args.size}px-width-{args.width:g}-{cpu}.md"
        write_atomically(args.output / name, text.encode())


def report(args: argparse.Namespace, rates: dict[str, list[float]]) -> str:
    header = "; ".join(f"{key}: {value}" for key, value in environment(os.cpu_count() or 1).items())
    medians: dict[str, Any] = {name: statistics.median(values) for name, values in rates.items()}
    lines = [
        f"# Training steps at {args.size} px, width {args.width:g}, batch {args.batch}",
        "",
        header,
        "",
        f"Images a second, medians of {args.rounds} interleaved rounds of {STEPS} steps.",
        "",
        "| network | images/s | least | most | of the float network |",
        "|---|---|---|---|---|",
    ]
    for name, values in rates.items():
        share = medians[name] / medians[NETWORKS[0]]
        lines.append(f"| {name} | {medians[name]:.0f} | {min(values):.0f} | {max(values):.0f} | {share:.2f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
