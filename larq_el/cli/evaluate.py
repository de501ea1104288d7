"""`larq-el evaluate`."""

from typing import Any, Literal

import click

from larq_el.cli import options


@click.command("evaluate")
@click.argument("model")
@click.option("--weights", help="A weights file to load into the model.")
@options.model_shape
@options.imports
@options.dataset()
@click.option(
    "--runtime",
    type=click.Choice(["lce", "native"]),
    default="lce",
    show_default=True,
    help="What runs a flatbuffer: LCE's interpreter or the native runtime.",
)
@click.option("--limit", type=int, help="Evaluate the first images only.")
@options.as_json
def command(
    model: str,
    weights: str | None,
    dataset: str,
    data_dir: str | None,
    imports: tuple[str, ...],
    runtime: Literal["lce", "native"],
    limit: int | None,
    as_json: bool,
    **shape: Any,
) -> None:
    """Measure the top-1 accuracy of MODEL on the test images of a data set.

    MODEL is an .h5 or .keras file, a SavedModel, a name of `larq-el zoo` with --weights, or a .tflite flatbuffer.
    """
    from larq_el.errors import UserError

    if limit is not None and limit < 1:
        raise UserError(f"--limit must be at least 1, got {limit}.")
    flatbuffer = model.endswith(".tflite")
    if flatbuffer and (weights or imports):
        given = "--weights" if weights else "--import"
        raise UserError(f"{given} is for Keras models, and {model!r} is a flatbuffer; leave it out.")
    if not flatbuffer:
        from larq_el.models.loading import check_source

        check_source(model)
    from larq_el import evaluation

    if flatbuffer:
        predictor = evaluation.flatbuffer_predictor(model, runtime=runtime)
    else:
        from larq_el.convert import load_model

        loaded = load_model(model, weights=weights, imports=imports, **options.shape_of(shape))
        predictor = evaluation.keras_predictor(loaded)
    accuracy, images = evaluation.evaluate(predictor, dataset, data_dir, limit)
    if as_json:
        options.print_json({"model": model, "dataset": dataset, "top1": accuracy, "images": images})
    else:
        click.echo(f"{model}: top-1 {accuracy:.2%} on {images} test images of {dataset}.")
