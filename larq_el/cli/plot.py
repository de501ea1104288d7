"""`larq-el plot`."""

from pathlib import Path

import click

from larq_el.cli import options
from larq_el.cli.tables import print_line


@click.command("plot")
@click.argument("runs", nargs=-1, required=True, type=options.FILE)
@click.option(
    "--kind",
    type=click.Choice(("curves", "gammas", "features")),
    default="curves",
    show_default=True,
    help="Loss and accuracy; every link's gamma before and after (Figure 4); feature maps of --image (Figure 1).",
)
@click.option("--image", type=options.FILE, help="Of which feature maps are drawn.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="A .png, .svg or .pdf file.")
@options.imports
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
def command(
    runs: tuple[str, ...], kind: str, image: str | None, output: Path, imports: tuple[str, ...], overwrite: bool
) -> None:
    """Draw RUNS, folders of trainings, beside each other.

    For feature maps RUNS may be models too: .keras or .h5 files.
    """
    from larq_el.errors import UserError
    from larq_el.files import check_output, write_output
    from larq_el.pictures import check_picture

    check_picture(check_output(output, overwrite=overwrite, reads=(image, *runs)))
    if (kind == "features") != (image is not None):
        raise UserError("--image and --kind features belong together; give both.")
    folders = [Path(run) for run in runs]
    if kind == "features":
        picture = _features(folders, str(image), imports, output.suffix)
    else:
        from larq_el.training import pictures

        picture = (pictures.draw_curves if kind == "curves" else pictures.draw_gammas)(folders, output.suffix)
    write_output(output, picture)
    print_line(f"{output}: {kind} of {', '.join(folder.name for folder in folders)}.")


def _features(runs: list[Path], image: str, imports: tuple[str, ...], suffix: str) -> bytes:
    from larq_el.data.image_files import model_input
    from larq_el.data.image_size import image_size_of
    from larq_el.errors import UserError
    from larq_el.models.loading import load_model
    from larq_el.training.pictures import draw_features

    models = {run.name: load_model(run / "model.keras" if run.is_dir() else run, imports=imports) for run in runs}
    sizes = {image_size_of(model) for model in models.values()}
    if len(sizes) > 1:
        raise UserError(f"the models take images of different sizes, {sorted(sizes)}; draw those of one size together.")
    return draw_features(models, model_input(image, sizes.pop()), suffix)
