"""`larq-el evaluate`."""

from typing import Any

import click

from larq_el.cli import options
from larq_el.cli.progress import Line
from larq_el.cli.tables import print_line


@click.command("evaluate")
@click.argument("model", type=options.FILE)
@click.option("--weights", help="A weights file to load into the model.")
@options.model_shape
@options.imports
@options.samples(None, "What to classify", "digits")
@click.option("--split", help="Images of a data set, as TFDS writes it: train[90%:].  [default: test, or validation]")
@options.runtime("What runs a flatbuffer.  [default: lce-indirect, native or stock, what is installed and fits]")
@options.as_json
def command(
    model: str,
    weights: str | None,
    data_dir: str | None,
    imports: tuple[str, ...],
    split: str | None,
    runtime: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Measure the top-1 accuracy of MODEL on the test images of a data set, or on a file of samples.

    MODEL is an .h5 or .keras file, a SavedModel, a name of `larq-el zoo` with --weights, or a .tflite flatbuffer.
    """
    from larq_el.errors import UserError

    source, count = options.source_of(given)
    if count is not None and count < 1:
        raise UserError(f"--count must be at least 1, got {count}.")
    flatbuffer = model.endswith(".tflite")
    if flatbuffer and (weights or imports):
        option = "--weights" if weights else "--import"
        raise UserError(f"{option} is for Keras models, and {model!r} is a flatbuffer; leave it out.")
    if not flatbuffer:
        from larq_el.models.source import check_source

        check_source(model)
    from larq_el import evaluation

    if flatbuffer:
        predictor = evaluation.flatbuffer_predictor(model, runtime=runtime)
    else:
        from larq_el.convert import load_model

        loaded = load_model(model, weights=weights, imports=imports, **options.shape_of(given))
        predictor = evaluation.keras_predictor(loaded)
    source = source or "digits"
    with Line(as_json, after=2.0) as line:
        accuracy, images = evaluation.evaluate(
            predictor,
            source,
            data_dir,
            count,
            split=split,
            on_batch=lambda done: line.update(f"{done:,} images of {source}"),
        )
    if as_json:
        options.print_json(
            {"model": model, "dataset": source, "top1": accuracy, "images": images, "runtime": predictor.runtime}
        )
    else:
        print_line(f"{model}: top-1 {accuracy:.2%} on {images} {split or 'test'} images of {source}.")
