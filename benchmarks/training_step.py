"""Images a second of a training step, of networks that differ by what Elastic-Link is made of.

    python benchmarks/training_step.py [--size 32] [--width 0.25] [--batch 128] [--rounds 15] [--plain] [--mixed]
                                       [--dataset NAME_OR_FOLDER [--data-dir DIR]] [--output DIR]

Each network has a process of its own, whose steps (`larq_el.training.trainer`, cross-entropy, Adam) take turns with the
others'; medians of the rounds. --plain adds EL-ResNet26 without the fused gradients, --mixed in mixed bfloat16,
--dataset what the input pipeline delivers meanwhile: batches of that data set, augmented and thrown away.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from larq_el.benchmark.environment import cpu_slug, described
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
from larq_el.training.precision import in_precision
from larq_el.training.trainer import Trainer
from larq_el.zoo.recipes import Losses, Optimizer
name, kind, width = sys.argv[1], sys.argv[5], float(sys.argv[3])
size, batch = int(sys.argv[2]), int(sys.argv[4])
keras.utils.set_random_seed(0)
if kind == "plain":
    from larq_el.layers import ActivationScale, ElasticLink
    for layer in (ActivationScale, ElasticLink):
        layer.call = (lambda call: lambda self, inputs, training=None: call(self, inputs, training=False))(layer.call)
model = zoo.create_model(name, input_shape=(size, size, 3), classes=10, width=width)
model = in_precision(model, "mixed_bfloat16" if kind == "mixed" else "float32")
trainer = Trainer(model, Losses(), Optimizer())
trainer.compile(keras.optimizers.Adam(1e-3))
x = tf.constant(np.random.default_rng(0).normal(scale=60, size=(batch, size, size, 3)).astype("float32"))
y = tf.constant(np.arange(batch) % 10)
with contextlib.nullcontext() if kind == "plain" else fused_gradients():
    trainer.train_on_batch(x, y)
print("ready", flush=True)
for line in sys.stdin:
    for _ in range(int(line)):
        trainer.train_on_batch(x, y)
    print("done", flush=True)
"""
PIPELINE = """
import sys
from larq_el.training import load_dataset
size, batch = int(sys.argv[2]), int(sys.argv[4])
data = load_dataset(sys.argv[1], sys.argv[5] or None)
epochs = (
    one
    for epoch in range(1000)
    for one in data.epoch(epoch, image_size=(size, size), batch_size=batch, seed=0)
)
next(epochs)
print("ready", flush=True)
for line in sys.stdin:
    for _ in range(int(line)):
        next(epochs)
    print("done", flush=True)
"""


class Worker:
    """A network that trains when it is told to."""

    def __init__(self, name: str, args: argparse.Namespace, kind: str, code: str = WORKER) -> None:
        given = [name, str(args.size), str(args.width), str(args.batch), kind]
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, *given],
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
    parser.add_argument("--mixed", action="store_true", help="float and EL-ResNet26 in mixed bfloat16 too")
    parser.add_argument("--dataset", help="of the input pipeline, which is measured too")
    parser.add_argument("--data-dir", help="where TensorFlow Datasets keeps it")
    parser.add_argument("--output", type=Path, help="folder of the Markdown file")
    args = parser.parse_args()
    workers = {name: Worker(name, args, "") for name in NETWORKS}
    if args.plain:
        workers["el_resnet26, plain gradients"] = Worker("el_resnet26", args, "plain")
    if args.mixed:
        for name in ("resnet26", "el_resnet26"):
            workers[f"{name}, mixed bfloat16"] = Worker(name, args, "mixed")
    rates: dict[str, list[float]] = {name: [] for name in workers}
    for _ in range(args.rounds):
        for name, worker in workers.items():
            rates[name].append(STEPS * args.batch / worker.seconds(STEPS))
    if args.dataset:
        # alone, as it works ahead, and for long, as it has batches ready
        pipeline, many = Worker(args.dataset, args, args.data_dir or "", PIPELINE), 10 * STEPS
        rates["input pipeline alone"] = [many * args.batch / pipeline.seconds(many) for _ in range(5)]
    text = report(args, rates)
    print(text)
    if args.output:
        name = f"training-step-{args.size}px-width-{args.width:g}-{cpu_slug()}.md"
        write_atomically(args.output / name, text.encode())


def report(args: argparse.Namespace, rates: dict[str, list[float]]) -> str:
    header = described(os.cpu_count() or 1)
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
