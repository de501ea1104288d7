"""Where a training step's time goes, by kind of operator, for Elastic-Link's network beside the float one.

    python benchmarks/training_profile.py [--size 32] [--width 0.25] [--batch 128] [--steps 5] [--output DIR]

Milliseconds of one step on one thread, from TensorFlow's own profiler; each network has a process of its own. On more
threads the passes over memory gain less than the convolutions: for rates see `benchmarks/training_step.py`.
"""

import argparse
import collections
import re
import subprocess
import sys
from pathlib import Path

from larq_el.benchmark.environment import cpu_slug, described
from larq_el.files import write_atomically

NETWORKS = ("resnet26", "s_resnet26", "s_ks_resnet26", "el_resnet26")
LEAST = 0.01
"""Share of a step; an operator that takes less in every network goes to the others."""
WORKER = """
import glob, sys, tempfile
import numpy as np
from larq_el import zoo
from larq_el._keras import keras, tf
from larq_el.training.gradients import fused_gradients
from larq_el.training.trainer import Trainer
from larq_el.zoo.recipes import Losses, Optimizer
from tensorflow.tsl.profiler.protobuf import xplane_pb2
name, size, width, batch, steps = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.threading.set_intra_op_parallelism_threads(1)
keras.utils.set_random_seed(0)
model = zoo.create_model(name, input_shape=(size, size, 3), classes=10, width=width)
trainer = Trainer(model, Losses(), Optimizer())
trainer.compile(keras.optimizers.Adam(1e-3))
x = tf.constant(np.random.default_rng(0).normal(scale=60, size=(batch, size, size, 3)).astype("float32"))
y = tf.constant(np.arange(batch) % 10)
with fused_gradients(), tempfile.TemporaryDirectory() as folder:
    for _ in range(3):
        trainer.train_on_batch(x, y)
    options = tf.profiler.experimental.ProfilerOptions(host_tracer_level=2, python_tracer_level=0)
    with tf.profiler.experimental.Profile(folder, options=options):
        for _ in range(steps):
            trainer.train_on_batch(x, y)
    space = xplane_pb2.XSpace()
    with open(glob.glob(folder + "/**/*.xplane.pb", recursive=True)[0], "rb") as file:
        space.ParseFromString(file.read())
for plane in space.planes:
    names = {key: value.name for key, value in plane.event_metadata.items()}
    for line in plane.lines:
        for event in line.events:
            print(event.duration_ps / 1e9 / steps, names[event.metadata_id])
"""


def profile(name: str, args: argparse.Namespace) -> dict[str, float]:
    """Milliseconds of a network's step by kind of operator."""
    numbers = [str(number) for number in (args.size, args.width, args.batch, args.steps)]
    ran = subprocess.run([sys.executable, "-c", WORKER, name, *numbers], stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = collections.defaultdict(float)
    for line in ran.stdout.splitlines():
        milliseconds, event = line.split(" ", 1)
        # an operator's event is called by its node and its kind; the others hold what operators hold
        if (operator := re.fullmatch(r"[\w./-]+:(?:_MklNative|_Mkl|_Fused)?(\w+)", event)) is not None:
            found[operator[1]] += float(milliseconds)
    if not found:
        raise SystemExit(f"the profile of {name} names no operators; this TensorFlow calls them otherwise.")
    return found


def report(args: argparse.Namespace, profiles: dict[str, dict[str, float]]) -> str:
    totals = {name: sum(found.values()) for name, found in profiles.items()}
    kinds = {kind for name, found in profiles.items() for kind in found if found[kind] >= LEAST * totals[name]}
    order = sorted(kinds, key=lambda kind: profiles[NETWORKS[-1]].get(kind, 0.0), reverse=True)
    rows = {kind: [found.get(kind, 0.0) for found in profiles.values()] for kind in order}
    rows["others"] = [sum(ms for kind, ms in found.items() if kind not in kinds) for found in profiles.values()]
    rows["**step**"] = list(totals.values())
    lines = [
        f"# A training step at {args.size} px, width {args.width:g}, batch {args.batch}, by operator",
        "",
        described(1),
        "",
        f"Milliseconds on one thread, means of {args.steps} steps.",
        "",
        "| operator | " + " | ".join(profiles) + " |",
        "|---" * (len(profiles) + 1) + "|",
    ]
    lines += [f"| {kind} | " + " | ".join(f"{ms:.1f}" for ms in times) + " |" for kind, times in rows.items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=32, help="pixels of an image's edge [32]")
    parser.add_argument("--width", type=float, default=0.25, help="multiplier of the channels [0.25]")
    parser.add_argument("--batch", type=int, default=128, help="images of a step [128]")
    parser.add_argument("--steps", type=int, default=5, help="that are profiled [5]")
    parser.add_argument("--output", type=Path, help="folder for the table [it is printed only]")
    args = parser.parse_args()
    text = report(args, {name: profile(name, args) for name in NETWORKS})
    print(text)
    if args.output is not None:
        args.output.mkdir(parents=True, exist_ok=True)
        name = f"training-profile-{args.size}px-width-{args.width:g}-{cpu_slug()}.md"
        write_atomically(args.output / name, text.encode())


if __name__ == "__main__":
    main()
