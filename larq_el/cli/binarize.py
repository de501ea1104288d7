"""`larq-el binarize`."""

import warnings
from pathlib import Path
from typing import Any

import click

from larq_el.cli import options
from larq_el.cli.progress import Line
from larq_el.cli.tables import print_parts, visible
from larq_el.errors import UserError


@click.command("binarize")
@click.argument("model", type=options.FILE)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The .keras or .h5 file to write.")
@click.option("--plan", is_flag=True, help="Say what would become of each layer and why; write nothing.")
@click.option("--method", default="el", show_default=True, help="What binary units are made of; see `larq-el zoo`.")
@click.option("--keep", multiple=True, metavar="PATTERN", help="Layers that stay float: 'block5_*'.")
@click.option(
    "--depthwise",
    type=click.Choice(("float", "binary")),
    default="float",
    show_default=True,
    help="What depthwise convolutions of stride 1 become.",
)
@click.option("--no-links", is_flag=True, help="Without Elastic-Links, to see what they are worth.")
@click.option("--no-centre", is_flag=True, help="Without BatchNorms before signs that would nearly all be the same.")
@click.option("--pad-values", type=click.Choice(("0", "1")), default="0", help="What binary convolutions pad with.")
@click.option("--latent-scale", type=float, help="Largest magnitude of each latent kernel.  [default: 0.1]")
@click.option("--weights", help="A weights file to load into the model first.")
@options.model_shape
@options.imports
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@options.as_json
def command(
    model: str,
    output: Path | None,
    plan: bool,
    method: str,
    keep: tuple[str, ...],
    depthwise: str,
    no_links: bool,
    no_centre: bool,
    pad_values: str,
    latent_scale: float | None,
    weights: str | None,
    imports: tuple[str, ...],
    overwrite: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Make MODEL binary, with its weights as the start of a training.

    MODEL is an .h5 or .keras file, the folder of a SavedModel, or a name of `larq-el zoo`. The float network is written
    beside the output, as OUTPUT.float.keras: recipes with a teacher take it for that.
    """
    from larq_el.models.source import check_source

    if output is None and not plan:
        raise click.UsageError("give --output, or --plan to write nothing.")
    check_source(model)
    files = [] if output is None or plan else _files(output, overwrite, (model, weights, *imports))
    from larq_el.binarizing import LATENT_SCALE
    from larq_el.binarizing.binarize import prepare
    from larq_el.models.loading import load_model

    choices: dict[str, Any] = {
        "method": method,
        "keep": keep,
        "depthwise": depthwise,
        "links": not no_links,
        "centre": not no_centre,
        "pad_values": float(pad_values),
        "latent_scale": LATENT_SCALE if latent_scale is None else latent_scale,
    }
    with Line(as_json) as line:
        line.update(f"{model}: reading")
        network = load_model(model, weights=weights, imports=imports, **options.shape_of(given))
        line.update(f"{model}: binarizing")
        prepared = prepare(network, **choices)
        if files:
            for path, made in zip(files, (prepared.build(), network), strict=True):
                _save(made, path)
    if as_json:
        options.print_json({**prepared.plan.to_dict(), "output": None if plan else str(output)})
        return
    print_parts(prepared.plan.parts())
    for path in files:
        click.echo(visible(str(path)))


def _files(output: Path, overwrite: bool, reads: tuple[str | None, ...]) -> list[Path]:
    """The files to write: the network, and the float one."""
    from larq_el.files import check_output
    from larq_el.models.original import original_path

    if output.suffix not in (".keras", ".h5"):
        raise UserError(f"--output must end in .keras or .h5, got {str(output)!r}.")
    files = [output, original_path(output)]
    for path in files:
        check_output(path, overwrite=overwrite, reads=reads)
    return files


def _save(model: Any, path: Path) -> None:
    from larq_el.errors import first_line
    from larq_el.files import write_output
    from larq_el.models.saving import as_bytes

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras's, that HDF5 is old
            content = as_bytes(model, path.suffix)
    except Exception as error:  # a layer of one's own may not be made to be saved
        raise UserError(
            f"{model.name!r} cannot be saved as {path.suffix}: {first_line(error)}; its layers need a complete "
            "get_config()."
        ) from error
    write_output(path, content)
