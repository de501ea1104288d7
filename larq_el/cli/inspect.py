"""`larq-el inspect`."""

from pathlib import Path

import click

from larq_el.cli import options
from larq_el.cli.tables import print_parts, visible


@click.command("inspect")
@click.argument("file", type=options.FILE)
@click.option("--html", type=click.Path(path_type=Path), help="Also write a page with a chart to this file.")
@click.option("--overwrite", is_flag=True, help="Replace the page if it exists.")
@click.option("--no-trial", is_flag=True, help="Do not try the runtimes; judge by the operators' names alone.")
@options.as_json
def command(file: str, html: Path | None, overwrite: bool, no_trial: bool, as_json: bool) -> None:
    """Report what a .tflite FILE is made of: which convolutions are binary, which are float, and why; which runtimes
    run it.

    FILE may be of any converter. The runtimes that are installed try one inference of it, in a process of their own.
    """
    from larq_el.convert import inspect
    from larq_el.convert.report.page import page
    from larq_el.files import check_output, write_output

    if html is not None:
        check_output(html, overwrite=overwrite, reads=(file,))
    report = inspect(file, trial=not no_trial)
    if html is not None:
        write_output(html, page(report, Path(file).name).encode(errors="replace"))
    if as_json:
        options.print_json({"file": file, **report.to_dict()})
        return
    click.echo(visible(file))
    print_parts(report.parts())
