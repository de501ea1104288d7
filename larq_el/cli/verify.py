"""`larq-el verify`."""

from typing import Any

import click

from larq_el.cli import options
from larq_el.cli.exit import CheckError
from larq_el.cli.progress import Line
from larq_el.cli.tables import print_parts, visible


@click.command("verify")
@click.argument("model", type=options.FILE)
@click.argument("flatbuffer", type=options.FILE)
@click.option("--weights", help="A weights file to load into the model.")
@options.model_shape
@options.samples(100, "What to compare on", "digits")
@options.imports
@click.option(
    "--min-agreement", default=0.99, show_default=True, help="Share of samples with the same top-1 class that passes."
)
@options.as_json
def command(
    model: str,
    flatbuffer: str,
    weights: str | None,
    data_dir: str | None,
    imports: tuple[str, ...],
    min_agreement: float,
    as_json: bool,
    **given: Any,
) -> None:
    """Compare a FLATBUFFER with the Keras MODEL that it was converted from, on real images, at every output.

    Exit status 1 where they agree on fewer samples than --min-agreement, or a layer computes something else of equal
    inputs.
    """
    from larq_el.errors import UserError
    from larq_el.models.source import check_source
    from larq_el.tflite.flatbuffer import Flatbuffer

    built = check_source(model) is None
    if built and weights is None:
        raise UserError(
            f"{model!r} names a model without weights, which {flatbuffer!r} cannot be compared with; give its weights "
            "(--weights), or the file of the model that was converted."
        )
    source, count = options.source_of(given)
    content = Flatbuffer(flatbuffer).content
    from larq_el.convert import load_model, verify
    from larq_el.data.samples import load_samples

    with Line(as_json) as line:
        line.update(f"{model}: reading")
        keras_model = load_model(model, weights=weights, imports=imports, **options.shape_of(given))
        arrays, _ = load_samples(
            source or "digits", keras_model.input_names, count, image_shape=keras_model, data_dir=data_dir
        )
        line.update(f"comparing on {len(arrays[0])} samples")
        result = verify(keras_model, content, arrays, min_agreement=min_agreement)
    if as_json:
        options.print_json(result.to_dict())
    else:
        click.echo(visible(f"{model} against {flatbuffer}"))
        print_parts(result.parts())
    if not result.passed:
        at = f"; they part at {result.parted_at!r}" if result.parted_at else ""
        if result.top1_agreement >= min_agreement:
            raise CheckError(
                f"a layer of the flatbuffer computes something else of equal inputs, though "
                f"{result.top1_agreement:.2%} of the samples have the same top-1{at}."
            )
        raise CheckError(f"top-1 agreement is {result.top1_agreement:.2%}, below {min_agreement:.2%}{at}.")
