"""Does Elastic-Link do on concatenating networks what it does on ResNet? DenseNet and Inception on real images.

    python benchmarks/binarize_training.py --runs DIR [--data-dir DIR] [--epochs 6] [--seeds 2] [--only NAME ...]
                                           [--output benchmarks/results]

Each network is trained in float, binarized without links and binarized with Elastic-Link, from random weights, with
equal epochs, on CIFAR-10. Finished runs in DIR are not run again, and begun ones go on; the table is made of all.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import larq_el
from larq_el._keras import keras
from larq_el.benchmark.environment import cpu_slug, described
from larq_el.files import write_atomically
from larq_el.training import load_dataset, resume_training, train
from larq_el.training.run import MODEL, SETTINGS
from larq_el.training.stage_folder import METRICS, read_rows
from larq_el.zoo.recipes import RECIPES

layers = keras.layers
GROWTH, DENSE_BLOCKS = 16, (4, 4, 4)
INCEPTION_WIDTHS = (32, 64, 96)


def densenet() -> Any:
    """DenseNet-BC (https://arxiv.org/abs/1608.06993) with three dense blocks of four layers, growth 16."""
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(2 * GROWTH, 3, 2, padding="same", use_bias=False)(image)
    for block, depth in enumerate(DENSE_BLOCKS):
        for _ in range(depth):
            y = layers.ReLU()(layers.BatchNormalization()(x))
            y = layers.Conv2D(4 * GROWTH, 1, use_bias=False)(y)
            y = layers.ReLU()(layers.BatchNormalization()(y))
            y = layers.Conv2D(GROWTH, 3, padding="same", use_bias=False)(y)
            x = layers.Concatenate()([x, y])
        if block + 1 < len(DENSE_BLOCKS):
            x = layers.ReLU()(layers.BatchNormalization()(x))
            x = layers.AveragePooling2D()(layers.Conv2D(x.shape[-1] // 2, 1, use_bias=False)(x))
    x = layers.ReLU()(layers.BatchNormalization()(x))
    return classified(image, x, "densenet")


def inception() -> Any:
    """Three modules of four branches (https://arxiv.org/abs/1409.4842, with BatchNorm), a max-pool between them."""
    image = keras.Input((32, 32, 3))
    x = convolved(image, 32, 3, strides=2)
    for index, width in enumerate(INCEPTION_WIDTHS):
        if index:
            x = layers.MaxPooling2D()(x)
        x = layers.Concatenate()(
            [
                convolved(x, width, 1),
                convolved(convolved(x, width // 2, 1), width, 3),
                convolved(convolved(convolved(x, width // 2, 1), width // 2, 3), width // 2, 3),
                convolved(layers.MaxPooling2D(3, 1, padding="same")(x), width // 2, 1),
            ]
        )
    return classified(image, x, "inception")


def convolved(x: Any, filters: int, size: int, strides: int = 1) -> Any:
    """Convolution, BatchNorm, ReLU."""
    x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def classified(image: Any, x: Any, name: str) -> Any:
    """A network with its classifier of ten classes."""
    x = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, x, name=name)


NETWORKS: dict[str, Callable[[], Any]] = {"densenet": densenet, "inception": inception}
VARIANTS: dict[str, Callable[[Any], Any]] = {
    "float": lambda model: model,
    "no_links": lambda model: larq_el.binarize(model, links=False),
    "el": larq_el.binarize,
}


def run(folder: Path, network: str, variant: str, seed: int, args: argparse.Namespace) -> None:
    """Trains one network, or goes on where its training stopped."""
    if (folder / MODEL).is_file():
        return
    if (folder / SETTINGS).is_file():
        resume_training(folder, data_dir=args.data_dir, verbose=2)
        return
    keras.utils.set_random_seed(seed)
    model = VARIANTS[variant](NETWORKS[network]())
    recipe = RECIPES["full_precision_cifar10" if variant == "float" else "elastic_link_cifar10"]
    data = load_dataset("cifar10", args.data_dir)
    train(model, data, recipe.changed(epochs=args.epochs), folder, seed=seed, verbose=2)


def accuracy(folder: Path) -> float | None:
    """Test accuracy of a finished run in percent."""
    if not (folder / MODEL).is_file():
        return None
    return 100 * float(read_rows(folder / "train" / METRICS)[-1]["test_accuracy"])


def table(args: argparse.Namespace) -> str:
    """The accuracies of all runs that are finished."""
    header = described(os.cpu_count() or 1)
    lines = [f"# Concatenating networks on CIFAR-10, {args.epochs} epochs", "", header, ""]
    lines += ["Test accuracy in percent, one figure a seed.", ""]
    lines += ["| network | " + " | ".join(VARIANTS) + " |", "|---" * (1 + len(VARIANTS)) + "|"]
    for network in NETWORKS:
        cells = []
        for variant in VARIANTS:
            found = [accuracy(args.runs / f"{network}-{variant}-seed{seed}") for seed in range(args.seeds)]
            cells.append(", ".join(f"{value:.1f}" for value in found if value is not None) or "not run")
        lines.append(f"| {network} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True, help="folder of the trainings")
    parser.add_argument("--data-dir", help="where TensorFlow Datasets keeps its data")
    parser.add_argument("--epochs", type=int, default=6, help="of each training [6]")
    parser.add_argument("--seeds", type=int, default=2, help="trainings of each network [2]")
    parser.add_argument("--only", action="append", choices=NETWORKS, help="may be given several times [all of them]")
    parser.add_argument("--output", type=Path, help="folder for the table [it is printed only]")
    args = parser.parse_args()
    for seed in range(args.seeds):
        for network in args.only or NETWORKS:
            for variant in VARIANTS:
                run(args.runs / f"{network}-{variant}-seed{seed}", network, variant, seed, args)
    text = table(args)
    print(text)
    if args.output is not None:
        write_atomically(args.output / f"binarize-training-cifar10-{cpu_slug()}.md", text.encode())


if __name__ == "__main__":
    main()
