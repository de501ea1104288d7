"""`larq-el inspect`."""

import click

from larq_el.cli import options
from larq_el.cli.tables import print_report


@click.command("inspect")
@click.argument("file")
@options.as_json
def command(file: str, as_json: bool) -> None:
    """Report what a .tflite FILE is made of: which convolutions are binary, which are float, and why."""
    from larq_el.convert import inspect

    report = inspect(file)
    if as_json:
        options.print_json({"file": file, **report.to_dict()})
    else:
        print_report(report, file)
