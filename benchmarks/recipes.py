"""Runs recipes of the zoo through all their stages by `larq-el train --quick`: do they run at all, and how long.

    python benchmarks/recipes.py [--recipe NAME ...] [--dataset cifar10] [--data-dir DIR] [--width 0.25] [--output DIR]

One epoch of 512 images a stage proves no accuracy; a stage whose loss is not finite, or that ends otherwise, fails the
script.
"""

import argparse
import fnmatch
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from larq_el import zoo
from larq_el.benchmark.environment import cpu_slug, described
from larq_el.files import write_atomically
from larq_el.zoo.recipes import RECIPES
from larq_el.zoo.recipes.recipe import Recipe

COMMAND = (sys.executable, "-c", "from larq_el.cli import main; main()", "train")
COLUMNS = ("recipe", "network", "seconds", "stages, with the loss that each ended at")


def network_for(recipe: Recipe) -> str:
    """A network that a recipe is for: a ResNet-18 where there is one, and Elastic-Link's where any will do."""
    names = zoo.list_models(recipe.models[0])
    if recipe.models == ("*",):
        names = fnmatch.filter(names, "el_*")
    return min(fnmatch.filter(names, "*resnet18") or names, key=len)


def quick_run(recipe: Recipe, args: argparse.Namespace) -> tuple[str, ...]:
    """The row of a recipe's table."""
    name = network_for(recipe)
    with tempfile.TemporaryDirectory() as folder:
        options = ["--recipe", recipe.name, "--dataset", args.dataset, "--width", str(args.width), "--quick", "--json"]
        if args.data_dir is not None:
            options += ["--data-dir", args.data_dir]
        start = time.perf_counter()
        ran = subprocess.run([*COMMAND, name, *options, "--output", f"{folder}/run"], capture_output=True, text=True)
        seconds = time.perf_counter() - start
    if ran.returncode != 0:
        raise SystemExit(f"{recipe.name} with {name} fails:\n{ran.stderr}")
    losses = {stage: rows[-1]["loss"] for stage, rows in json.loads(ran.stdout)["stages"].items()}
    if list(losses) != [stage.name for stage in recipe.stages] or not all(map(math.isfinite, losses.values())):
        raise SystemExit(f"{recipe.name} with {name} ends with {losses}.")
    return recipe.name, name, f"{seconds:.0f}", ", ".join(f"{stage} {loss:.2f}" for stage, loss in losses.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", action="append", choices=RECIPES, help="may be given several times [all of them]")
    parser.add_argument("--dataset", default="cifar10", help="[cifar10]")
    parser.add_argument("--data-dir", help="where TensorFlow Datasets keeps its data")
    parser.add_argument("--width", type=float, default=0.25, help="multiplier of the channels [0.25]")
    parser.add_argument("--output", type=Path, help="folder for the table [it is printed only]")
    args = parser.parse_args()
    header = described(os.cpu_count() or 1)
    title = f"# Recipes with --quick on {args.dataset}, width {args.width:g}"
    lines = [title, "", header, "", "| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    for recipe in RECIPES.values():
        if (args.recipe is not None and recipe.name not in args.recipe) or not recipe.models:
            continue  # those for no network of the zoo need a teacher that is there
        lines.append("| " + " | ".join(quick_run(recipe, args)) + " |")
        print(lines[-1], flush=True)
    if args.output is not None:
        args.output.mkdir(parents=True, exist_ok=True)
        write_atomically(
            args.output / f"recipes-quick-{args.dataset}-{cpu_slug()}.md", ("\n".join(lines) + "\n").encode()
        )


if __name__ == "__main__":
    main()
