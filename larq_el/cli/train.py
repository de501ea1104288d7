"""`larq-el train`."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from larq_el.cli import options
from larq_el.cli.tables import print_line, visible

NUMBERS = ("epochs", "batch_size", "learning_rate", "latent_scale")
"""Options that may be given for all stages of a recipe or for one."""


def _per_stage(name: str, kind: Any) -> Any:
    return click.option(
        f"--{name}",
        multiple=True,
        metavar="[STAGE=]N",
        callback=lambda _, param, values: _numbers(param, values, kind),
        help="Instead of the recipe's, for all stages or for one; may be given several times.",
    )


def _numbers(param: click.Parameter, values: tuple[str, ...], kind: Any) -> Mapping[str, Any] | Any | None:
    """A number for all stages, or a mapping from stages' names."""
    found: dict[str, Any] = {}
    for value in values:
        stage, _, number = value.rpartition("=")
        try:
            found[stage] = kind(number)
        except ValueError:
            raise click.BadParameter(f"{value!r} is not N or STAGE=N.", param=param) from None
    if "" in found:
        if len(found) > 1:
            raise click.BadParameter("give one number for all stages, or one for each of some.", param=param)
        return found[""]
    return found or None


@click.command("train")
@click.argument("model", required=False, type=options.FILE)
@click.option(
    "--dataset",
    default="digits",
    show_default=True,
    help="'digits' (embedded), a folder with a folder of images for each class, or an image-classification set of "
    "TensorFlow Datasets such as cifar10.",
)
@options.data_dir
@click.option("--split", help="What to train on, as TensorFlow Datasets writes it: train[:90%].  [default: train]")
@click.option("--test-split", help="What to test on.  [default: test, or validation, or what --split leaves]")
@click.option("--validation", type=float, help="Part of the training images to keep for choosing, such as 0.1.")
@click.option("--images", type=int, help="Take so many images of each part at most.")
@click.option("--output", help="New folder for checkpoints, metrics and the trained model.")
@click.option("--resume", metavar="RUN", help="Continue the training in this folder; it needs nothing else.")
@click.option("--repeat", metavar="STAGE", help="With --resume: train this stage again.")
@click.option("--recipe", default="elastic_link", show_default=True, help="See `larq-el zoo recipes`.")
@_per_stage("epochs", int)
@_per_stage("batch-size", int)
@_per_stage("learning-rate", float)
@_per_stage("latent-scale", float)
@click.option("--quick", is_flag=True, help="Each stage for one epoch of 512 images: does it run at all?")
@click.option(
    "--teacher",
    type=options.FILE,
    help="A trained .keras or .h5 model in the place of the recipe's teacher.  [default: of a binarized MODEL the "
    "float one beside it]",
)
@click.option("--weights", type=options.FILE, help="A .keras or .h5 model to start from; its classes may be others.")
@click.option("--freeze", "frozen", multiple=True, metavar="PATTERN", help="Layers to leave as they are: 'stem_*'.")
@options.imports
@click.option("--input-size", type=int, help="Pixels.  [default: 32 for images below 64 px, else 224]")
@click.option("--width", type=float, help="Multiplier of the model's channels.  [default: 1.0]")
@click.option("--seed", default=0, show_default=True, help="Of initial weights, order of images and augmentation.")
@click.option(
    "--precision",
    type=click.Choice(("float32", "mixed_bfloat16", "mixed_float16")),
    default="float32",
    show_default=True,
    help="Sums of signs that a mixed one could not hold stay in float32.",
)
@click.option(
    "--strategy",
    type=click.Choice(("none", "auto", "mirrored", "multiworker")),
    default="none",
    show_default=True,
    help="One processor, all GPUs of this machine, or a cluster.",
)
@click.option("--checkpoint-minutes", default=10.0, show_default=True, help="Between checkpoints within an epoch.")
@click.option("--tensorboard", is_flag=True, help="Write logs for TensorBoard.")
@options.as_json
def command(model: str | None, output: str | None, resume: str | None, as_json: bool, **given: Any) -> None:
    """Train MODEL, a name of `larq-el zoo` or a .keras or .h5 file, by the stages of a recipe.

    A checkpoint is written after every epoch and every few minutes; --resume RUN continues from the last one exactly as
    if the training had not stopped.
    """
    from larq_el.errors import UserError
    from larq_el.training.run import check_folder

    if resume is None:
        if model is None or output is None:
            raise click.UsageError("give a MODEL and --output, or --resume RUN.")
        if given["repeat"] is not None:
            raise UserError("--repeat is for a training that is there; name its folder (--resume).")
        check_folder(Path(output), resume=False)
        result = _train(model, output, as_json, given)
    else:
        if model is not None or output is not None:
            raise click.UsageError("--resume RUN needs neither MODEL nor --output: the folder knows them.")
        check_folder(Path(resume), resume=True)
        result = _resume(resume, as_json, given)
    _print(result, as_json)


def _resume(folder: str, as_json: bool, given: dict[str, Any]) -> Any:
    from larq_el.training.resuming import resume_training
    from larq_el.training.strategies import strategy_of

    return resume_training(
        folder,
        epochs=given["epochs"],
        repeat=given["repeat"],
        strategy=strategy_of(given["strategy"]),
        imports=given["imports"],
        data_dir=given["data_dir"],
        verbose=_verbose(as_json),
    )


def _train(source: str, output: str, as_json: bool, given: dict[str, Any]) -> Any:
    from larq_el.errors import UserError, closest
    from larq_el.training import load_dataset, networks_of, train
    from larq_el.training.strategies import strategy_of
    from larq_el.zoo.recipes import RECIPES
    from larq_el.zoo.recipes.recipe import QUICK_IMAGES

    strategy = strategy_of(given["strategy"])
    if given["recipe"] not in RECIPES:
        raise UserError(f"there is no recipe {given['recipe']!r}; {closest(given['recipe'], RECIPES)}")
    recipe = RECIPES[given["recipe"]]
    recipe = (recipe.quick() if given["quick"] else recipe).changed(**{name: given[name] for name in NUMBERS})
    images = given["images"] or (QUICK_IMAGES if given["quick"] else None)
    data = load_dataset(
        given["dataset"],
        given["data_dir"],
        split=given["split"],
        test_split=given["test_split"],
        validation=given["validation"],
        images=images,
    )
    model, shape = _model(source, data, given)
    networks = networks_of(
        recipe, source, teacher=given["teacher"], imports=given["imports"], seed=given["seed"], **shape
    )
    if not as_json:
        _say_where(strategy)
        _say_what_convert_refuses(model)
    return train(
        model,
        data,
        recipe,
        output,
        networks=networks,
        seed=given["seed"],
        precision=given["precision"],
        strategy=strategy,
        frozen=given["frozen"],
        checkpoint_minutes=given["checkpoint_minutes"],
        tensorboard=given["tensorboard"],
        verbose=_verbose(as_json),
        notes={"tensorboard": given["tensorboard"], "checkpoint_minutes": given["checkpoint_minutes"]},
    )


def _model(source: str, data: Any, given: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The student, and the shape of the other networks."""
    from larq_el._keras import keras
    from larq_el.data.image_size import image_size_of
    from larq_el.errors import UserError
    from larq_el.models.loading import load_model
    from larq_el.models.source import check_source
    from larq_el.training.networks import start_from, with_classes

    classes = len(data.class_names)
    keras.utils.set_random_seed(given["seed"])
    if check_source(source) is None:
        size, width = given["input_size"] or data.default_image_size, given["width"] or 1.0
        shape: dict[str, Any] = {"input_shape": (size, size, 3), "classes": classes, "width": width}
        model = load_model(source, **shape)
    else:
        for name in ("input_size", "width"):
            if given[name] is not None:
                raise UserError(f"--{name.replace('_', '-')} is for a model of the zoo; {source!r} has its own.")
        model = with_classes(load_model(source, imports=given["imports"]), classes)
        shape = {"input_shape": (*image_size_of(model), 3), "classes": classes}
    if given["weights"] is not None:
        start_from(model, given["weights"], given["imports"])
    return model, shape


def _verbose(as_json: bool) -> int:
    """Keras's bar on a terminal, one line an epoch in a file."""
    return 0 if as_json else 1 if sys.stdout.isatty() else 2


def _say_where(strategy: Any) -> None:
    from larq_el._keras import tf

    processors = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    names = ", ".join(one.name.removeprefix("/device:") for one in processors)
    replicas = strategy.num_replicas_in_sync
    click.echo(f"Training on {names}" + (f", {replicas} replicas." if replicas > 1 else "."), err=True)


def _say_what_convert_refuses(model: Any) -> None:
    """Before the hours of training, and not behind them."""
    from larq_el.introspection import windows_beyond_images

    if layers := windows_beyond_images(model):
        click.echo(
            f"Note: `larq-el convert` will refuse this network: the zero-padded windows of {len(layers)} of its binary "
            f"convolutions, such as {visible(layers[0])}, are larger than their images; larger images (--input-size) "
            "or padding with ones mend that.",
            err=True,
        )


def _print(result: Any, as_json: bool) -> None:
    if as_json:
        options.print_json(
            {
                "model_path": str(result.model_path),
                "best_path": str(result.best_path),
                "metrics": result.metrics,
                "stages": result.stages,
            }
        )
    elif not result.metrics:  # of a training that was done before they were lost
        print_line(f"{result.model_path}: trained; larq-el evaluate measures its accuracy.")
    else:
        last = result.metrics[-1]
        held_out = "validation" if "validation_accuracy" in last else "test"
        print_line(
            f"{result.model_path}: {held_out} accuracy {_accuracy(last, held_out)} after {last['epoch']} epochs."
        )
        best = max(result.metrics, key=lambda row: row[f"{held_out}_accuracy"])
        if best is not last:
            print_line(
                f"{result.best_path}: {_accuracy(best, held_out)} after {best['epoch']}, the best on these images."
            )


def _accuracy(row: dict[str, float], held_out: str) -> str:
    top5 = row.get(f"{held_out}_top5")
    return f"{row[f'{held_out}_accuracy']:.2%}" + ("" if top5 is None else f" (top-5 {top5:.2%})")
