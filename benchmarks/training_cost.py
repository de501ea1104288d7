"""Hours and cost of training on ImageNet, computed from the images a second of a training step.

    python benchmarks/training_cost.py [--images-per-second N] [--price P] [--images 1281167]

N is what `python benchmarks/training_step.py --size 224 --width 1` measured of the student on your machine; P is what
an hour of it costs. A teacher's forward pass is a third of a step of its own, and every network is taken for as large
as the student: an estimate for planning, no measurement.
"""

import argparse

from larq_el.zoo.recipes import RECIPES
from larq_el.zoo.recipes.recipe import Recipe

FORWARD = 1 / 3
"""Of a step, whose backward pass takes twice as long."""
MEASURED = 17.0
"""Images a second of EL-ResNet26 at 224 px, batch 16, 2 cores of an AMD EPYC (Zen 5)."""


def steps(recipe: Recipe) -> float:
    """Epochs of a recipe, a teacher's forward passes included."""
    return sum(stage.epochs * (1.0 + FORWARD * (stage.teacher is not None)) for stage in recipe.stages)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images-per-second", type=float, default=MEASURED, help=f"of a step [{MEASURED:g}]")
    parser.add_argument("--price", type=float, default=0.0, help="of an hour of the machine")
    parser.add_argument("--images", type=int, default=1_281_167, help="of the training set [ImageNet's]")
    args = parser.parse_args()
    print(f"{args.images_per_second:g} images a second, {args.images:,} images\n")
    print("| recipe | epochs | with teachers | days |" + (" cost |" if args.price else ""))
    print("|---|---|---|---|" + ("---|" if args.price else ""))
    for recipe in RECIPES.values():
        if recipe.name.endswith(("_cifar10", "_imagenette")) or recipe.name == "ci_net":
            continue
        hours = steps(recipe) * args.images / args.images_per_second / 3600
        epochs = sum(stage.epochs for stage in recipe.stages)
        row = f"| {recipe.name} | {epochs} | {steps(recipe):.0f} | {hours / 24:.1f} |"
        print(row + (f" {hours * args.price:,.0f} |" if args.price else ""))


if __name__ == "__main__":
    main()
