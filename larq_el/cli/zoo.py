"""`larq-el zoo list`, `larq-el zoo show NAME` and `larq-el zoo pack MODEL`."""

from pathlib import Path
from typing import Any

import click

from larq_el.cli import options
from larq_el.cli.tables import print_rows
from larq_el.errors import UserError, closest


@click.group("zoo")
def command() -> None:
    """List the models, show one, or pack a model's weights."""


@command.command("list")
@click.argument("pattern", default="*")
@options.as_json
def list_command(pattern: str, as_json: bool) -> None:
    """List the models whose names match PATTERN, with their published ImageNet top-1 and what we measured."""
    from larq_el import zoo

    rows = [zoo.describe(name) for name in zoo.list_models(pattern)]
    if not rows:
        raise UserError(f"no model's name matches {pattern!r}; {closest(pattern.strip('*'), zoo.list_models())}")
    if as_json:
        options.print_json(rows)
        return
    columns = ["name", "ImageNet %", "CIFAR-10 %", "method"]
    table = [[row["name"], _published(row), _percent(_on_cifar10(row)), row["method"]] for row in rows]
    print_rows("Top-1, on ImageNet as published, on CIFAR-10 as measured here", columns, table)
    for row in rows:
        if row["same_as"]:
            click.echo(f"{row['name']}: the same network as {' and '.join(row['same_as'])}")
    for method, summary in sorted({(row["method"], row["summary"]) for row in rows}):
        click.echo(f"{method}: {summary}")


def _published(row: dict[str, Any]) -> str:
    return "not converged" if row["not_converged"] else _percent(row["top1"])


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _on_cifar10(row: dict[str, Any]) -> float | None:
    """The best of our trainings, whose settings `zoo show` prints."""
    return max((entry["top1"] for entry in row["measured"] if entry["dataset"] == "cifar10"), default=None)


@command.command("show")
@click.argument("name")
@options.model_shape
@options.as_json
def show_command(name: str, as_json: bool, **shape: int | float | None) -> None:
    """Show the layers of model NAME, a drawing of a block, its gammas, complexity and accuracy."""
    from larq_el import zoo
    from larq_el.complexity import COUNTING_RULES, complexity, elastic_link_operations
    from larq_el.layers import ElasticLink

    model = zoo.create_model(name, **options.shape_of(shape))
    counted = complexity(model)
    gammas = {
        layer.name: float(layer.gamma)
        for layer in model.layers
        if isinstance(layer, ElasticLink) and layer.gamma is not None
    }
    described = zoo.describe(name)
    links = {rule: elastic_link_operations(model, rule) for rule in COUNTING_RULES}
    if as_json:
        options.print_json({**described, **counted.to_dict(), "gammas": gammas, "elastic_link_operations": links})
        return
    rows = [
        [layer.name, layer.kind, f"{layer.parameters:,}", f"{layer.macs / 1e6:.2f}M", "binary" if layer.binary else ""]
        for layer in counted.layers
        if layer.parameters or layer.macs
    ]
    click.echo(f"{zoo.block_diagram(model)}\n")
    print_rows(model.name, ["layer", "class", "parameters", "MACs", "binary"], rows)
    click.echo(
        f"{counted.parameters:,} parameters, {counted.binary_parameters:,} of them binary; {counted.bops / 1e6:.1f}M "
        f"BOPs, {counted.flops / 1e6:.1f}M FLOPs, {counted.ops / 1e6:.1f}M OPs; {counted.bytes / 1e6:.2f} MB deployed."
    )
    if gammas:
        click.echo(f"{len(gammas)} gammas, initially " + ", ".join(f"{gamma:g}" for gamma in gammas.values()) + ".")
        click.echo(
            "Elastic-Link adds "
            + ", ".join(f"{count / 1e6:.1f}M ({COUNTING_RULES[rule]})" for rule, count in links.items())
            + " element-wise operations."
        )
    _print_published(described)


def _print_published(described: dict[str, Any]) -> None:
    """What is known of a model besides its layers."""
    if described["same_as"]:
        click.echo(f"The same network as {' and '.join(described['same_as'])}.")
    if described["not_converged"]:
        click.echo(f'ImageNet, as published ({described["source"]}): "Not Converge".')
    if described["top1"] is not None:
        click.echo(f"ImageNet top-1 as published ({described['source']}): {described['top1']:.1f} %.")
    for entry in described["measured"]:
        click.echo(f"{entry['dataset']} top-1, {entry['setting']}: {entry['top1']:.1f} % ({entry['command']}).")


@command.command("pack")
@click.argument("model", type=options.FILE)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The .npz file to write.")
@click.option("--weights", help="A weights file to load into the model.")
@click.option("--keep-latent", is_flag=True, help="Keep the float numbers behind the binary weights, to train on.")
@options.model_shape
@options.imports
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
@options.as_json
def pack_command(
    model: str,
    output: Path,
    weights: str | None,
    keep_latent: bool,
    imports: tuple[str, ...],
    overwrite: bool,
    as_json: bool,
    **shape: Any,
) -> None:
    """Write the weights of MODEL to a compact file, in which a binary weight is one bit.

    MODEL is an .h5 or .keras file, a SavedModel, or a name of `larq-el zoo list` with --weights. The file goes wherever
    weights go; the model computes the same with it, to the bit.
    """
    from larq_el.files import check_output
    from larq_el.models.source import check_source

    check_source(model)
    check_output(output, overwrite=overwrite, reads=(model, weights, *imports))
    from larq_el import zoo
    from larq_el.convert import load_model

    loaded = load_model(model, weights=weights, imports=imports, **options.shape_of(shape))
    report = zoo.save_weights(loaded, output, keep_latent=keep_latent, overwrite=overwrite)
    if as_json:
        document = {"bytes": report.size, "bit_kernels": report.bit_kernels, "float_kernels": report.float_kernels}
        options.print_json({"output": str(output), **document})
        return
    click.echo(
        f"{output}: {report.size / 1e6:.2f} MB instead of {4 * loaded.count_params() / 1e6:.2f}; {report.bit_kernels} "
        f"binary kernels as bits, {len(report.float_kernels)} as float32."
    )
