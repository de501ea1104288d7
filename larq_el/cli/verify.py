"""`larq-el verify`."""

from typing import Any

import click

from larq_el.cli import options
from larq_el.cli.app import CheckError
from larq_el.cli.tables import print_rows


@click.command("verify")
@click.argument("model")
@click.argument("flatbuffer")
@click.option("--weights", help="A weights file to load into the model.")
@options.model_shape
@options.dataset()
@click.option("--samples", default=100, show_default=True, help="Number of test images to compare on.")
@click.option(
    "--min-agreement", default=0.99, show_default=True, help="Share of samples with the same top-1 class that passes."
)
@options.as_json
def command(
    model: str,
    flatbuffer: str,
    weights: str | None,
    dataset: str,
    data_dir: str | None,
    samples: int,
    min_agreement: float,
    as_json: bool,
    **shape: Any,
) -> None:
    """Compare a FLATBUFFER with the Keras MODEL that it was converted from, on real images.

    Exit status 1 where they agree on fewer samples than --min-agreement.
    """
    from larq_el.convert.flatbuffer import Flatbuffer
    from larq_el.convert.loading import check_source

    check_source(model)
    content = Flatbuffer(flatbuffer).content
    from larq_el.convert import load_model, verify
    from larq_el.training.data import image_size_of, load_dataset

    keras_model = load_model(model, weights=weights, **options.shape_of(shape))
    images, _ = load_dataset(dataset, data_dir).samples(samples, image_size_of(keras_model))
    result = verify(keras_model, content, images, min_agreement=min_agreement)
    if as_json:
        options.print_json(result.to_dict())
    else:
        rows = [
            [
                diff.layer,
                "" if diff.differing_alone is None else f"{diff.differing_alone:.3%}",
                f"{diff.differing:.3%}",
                f"{diff.max_abs_diff:.2e}",
            ]
            for diff in result.layers
        ]
        columns = ["layer", "differing, on equal inputs", "from the image", "max |difference|"]
        print_rows(f"{model} against {flatbuffer}", columns, rows)
        logits = (
            ""
            if result.logits_max_abs_diff is None
            else (f", logits {result.logits_max_abs_diff:.2e} at most and {result.logits_mean_abs_diff:.2e} on average")
        )
        click.echo(
            f"top-1 agreement {result.top1_agreement:.2%} of {result.samples} samples; outputs differ by "
            f"{result.max_abs_diff:.2e} at most and {result.mean_abs_diff:.2e} on average{logits}."
        )
        click.echo(f"They part at {result.parted_at}." if result.parted_at else "No layer parts.")
    if not result.passed:
        at = f"; they part at {result.parted_at!r}" if result.parted_at else ""
        raise CheckError(f"top-1 agreement is {result.top1_agreement:.2%}, below {min_agreement:.2%}{at}.")
