"""`larq-el zoo list`, `larq-el zoo show NAME`, `larq-el zoo recipes` and `larq-el zoo pack MODEL`."""

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
@click.option("--weights", help="Trained weights of the model, for its gammas: a file, or the name of published ones.")
@options.model_shape
@options.as_json
def show_command(name: str, weights: str | None, as_json: bool, **shape: int | float | None) -> None:
    """Show the layers of model NAME, a drawing of a block, its gammas, complexity and accuracy."""
    from larq_el import zoo
    from larq_el.complexity import COUNTING_RULES, complexity, elastic_link_operations
    from larq_el.layers.gammas import gammas_of
    from larq_el.models.loading import load_model

    zoo.describe(name)  # the name of a model, and of no file
    arguments = options.shape_of(shape)
    model = zoo.create_model(name, **arguments)
    initial = gammas_of(model)
    if weights is not None:
        model = load_model(name, weights=weights, **arguments)
    gammas = gammas_of(model)
    counted = complexity(model)
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
        if weights is None:
            click.echo(f"{len(gammas)} gammas, initially " + ", ".join(f"{gamma:g}" for gamma in gammas.values()) + ".")
        else:
            table = [[link, f"{initial[link]:g}", f"{gamma:.3f}"] for link, gamma in gammas.items()]
            print_rows(f"gammas of {weights}", ["link", "initially", "trained"], table)
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


@command.command("recipes")
@click.argument("name", required=False)
@options.as_json
def recipes_command(name: str | None, as_json: bool) -> None:
    """List the recipes of `larq-el train`, or show the stages of recipe NAME."""
    from dataclasses import asdict

    from larq_el.zoo.recipes import RECIPES

    if name is not None and name not in RECIPES:
        raise UserError(f"there is no recipe {name!r}; {closest(name, RECIPES)}")
    chosen = list(RECIPES.values()) if name is None else [RECIPES[name]]
    if as_json:
        options.print_json([asdict(recipe) for recipe in chosen])
    elif name is None:
        rows = [[one.name, " > ".join(stage.name for stage in one.stages)] for one in chosen]
        print_rows("Recipes of larq-el train", ["name", "stages"], rows)
        for one in chosen:
            click.echo(f"{one.name}: {one.summary}")
    else:
        _print_recipe(chosen[0])


def _print_recipe(recipe: Any) -> None:
    rows = [
        [
            stage.name,
            f"{stage.network}, {stage.level}" if stage.network == "student" else stage.network,
            str(stage.epochs),
            str(stage.batch_size),
            f"{stage.optimizer.name} {stage.learning_rate:g}, {stage.schedule.kind}",
            stage.start or "",
            stage.teacher or "",
        ]
        for stage in recipe.stages
    ]
    print_rows(recipe.name, ["stage", "network", "epochs", "batch", "optimizer", "starts from", "teacher"], rows)
    made_for = ", ".join(recipe.models) or "what larq-el binarize makes"
    click.echo(f"{recipe.summary} Made for {made_for}; sources in larq_el/zoo/recipes.")


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
