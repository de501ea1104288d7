"""`larq-el zoo list` and `larq-el zoo show NAME`."""

import click

from larq_el.cli import options
from larq_el.cli.tables import print_rows


@click.group("zoo")
def command() -> None:
    """List the models, or show one."""


@command.command("list")
@click.argument("pattern", default="*")
@options.as_json
def list_command(pattern: str, as_json: bool) -> None:
    """List the models whose names match PATTERN, with their published ImageNet top-1."""
    from larq_el import zoo

    rows = [zoo.describe(name) for name in zoo.list_models(pattern)]
    if as_json:
        options.print_json(rows)
        return
    table = [[row["name"], "" if row["top1"] is None else f"{row['top1']:.1f}", row["method"]] for row in rows]
    print_rows("Models", ["name", "ImageNet top-1 (%), published", "method"], table)
    for method, summary in sorted({(row["method"], row["summary"]) for row in rows}):
        click.echo(f"{method}: {summary}")


@command.command("show")
@click.argument("name")
@options.model_shape
@options.as_json
def show_command(name: str, as_json: bool, **shape: int | float | None) -> None:
    """Show the layers of model NAME, its gammas and its complexity."""
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
    links = {rule: elastic_link_operations(model, rule) for rule in COUNTING_RULES}
    if as_json:
        options.print_json(
            {**zoo.describe(name), **counted.to_dict(), "gammas": gammas, "elastic_link_operations": links}
        )
        return
    rows = [
        [layer.name, layer.kind, f"{layer.parameters:,}", f"{layer.macs / 1e6:.2f}M", "binary" if layer.binary else ""]
        for layer in counted.layers
        if layer.parameters or layer.macs
    ]
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
