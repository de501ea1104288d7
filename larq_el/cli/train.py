"""`larq-el train`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from larq_el.cli import options
from larq_el.cli.tables import print_line


@click.command("train")
@click.argument("model")
@click.option(
    "--dataset",
    default="digits",
    show_default=True,
    help="'digits' (embedded), or an image-classification set of TensorFlow Datasets such as cifar10.",
)
@options.data_dir
@click.option("--split", help="What to train on, as TensorFlow Datasets writes it: train[:90%].  [default: train]")
@click.option("--test-split", help="What to test on.  [default: test, or validation, or what --split leaves]")
@click.option("--output", required=True, help="Folder for checkpoints, metrics and the trained model.")
@click.option("--recipe", default="elastic_link", show_default=True, help="Recipe of larq_el.zoo.recipes.")
@click.option("--epochs", type=int, help="Instead of the recipe's.")
@click.option("--batch-size", type=int, help="Instead of the recipe's.")
@click.option("--learning-rate", type=float, help="Instead of the recipe's.")
@click.option("--input-size", type=int, help="Pixels.  [default: 32 for images below 64 px, else 224]")
@click.option("--width", default=1.0, show_default=True, help="Multiplier of the model's channels.")
@click.option("--seed", default=0, show_default=True, help="Of initial weights, order of images and augmentation.")
@click.option("--resume", is_flag=True, help="Continue the training in the output folder.")
@options.as_json
def command(
    model: str,
    dataset: str,
    data_dir: str | None,
    split: str | None,
    test_split: str | None,
    output: str,
    recipe: str,
    input_size: int | None,
    width: float,
    seed: int,
    resume: bool,
    as_json: bool,
    **changes: Any,
) -> None:
    """Train MODEL, a name of `larq-el zoo`, with the recipe of the paper.

    A checkpoint is written after every epoch; --resume continues from it exactly as if the training had not stopped.
    """
    from larq_el.training.run import check_folder

    check_folder(Path(output), resume=resume)
    from larq_el import zoo
    from larq_el._keras import keras, tf
    from larq_el.errors import UserError, closest
    from larq_el.training import load_dataset, train
    from larq_el.zoo.recipes import RECIPES

    if recipe not in RECIPES:
        raise UserError(f"there is no recipe {recipe!r}; {closest(recipe, RECIPES)}")
    chosen = replace(RECIPES[recipe], **{name: value for name, value in changes.items() if value is not None})
    data = load_dataset(dataset, data_dir, split=split, test_split=test_split)
    size = input_size or data.default_image_size
    keras.utils.set_random_seed(seed)
    network = zoo.create_model(model, input_shape=(size, size, 3), classes=len(data.class_names), width=width)
    if not as_json:
        processors = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        click.echo(f"Training on {', '.join(one.name.removeprefix('/device:') for one in processors)}.", err=True)
    result = train(network, data, chosen, output, resume=resume, seed=seed, verbose=0 if as_json else "auto")
    if as_json:
        options.print_json({"model_path": str(result.model_path), "metrics": result.metrics})
    elif not result.metrics:  # of a training that was done before they were lost
        print_line(f"{result.model_path}: trained; larq-el evaluate measures its accuracy.")
    else:
        last = result.metrics[-1]
        print_line(f"{result.model_path}: test accuracy {last['test_accuracy']:.2%} after {last['epoch']} epochs.")
