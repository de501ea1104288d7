"""Tables on the terminal."""

import sys
from typing import Any

from rich.console import Console
from rich.table import Table

MOST_LAYERS = 3
"""That an advice names on the terminal; `--json` has all of them."""


def print_report(report: Any, title: str) -> None:
    """Prints a `larq_el.convert.Report`: a row a convolution, then the sums."""
    table = Table("layer", "operator", "kernel", "MACs", "bytes", "why float, or wrong", title=visible(title))
    for conv in report.convolutions:
        table.add_row(
            visible(conv.layer),
            visible(conv.operator),
            "x".join(map(str, conv.kernel)),
            f"{conv.macs / 1e6:.2f}M",
            f"{conv.bytes:,}",
            visible(conv.fault or conv.reason),
            style="red" if conv.fault or conv.avoidable else None,
        )
    console = _console()
    console.print(table)
    binary = sum(conv.binary for conv in report.convolutions)
    console.print(
        f"{binary} binary and {len(report.convolutions) - binary} float convolutions and dense layers; "
        f"{report.binary_macs / 1e6:.1f}M binary and {report.float_macs / 1e6:.1f}M float MACs; "
        f"{report.bytes / 1e6:.2f} MB."
    )
    if report.unresolved:
        unresolved = ", ".join(map(visible, report.unresolved))
        console.print(f"No runtime of TFLite or LCE has an operator for {unresolved}.", style="red")
    for advice in report.advice:
        layers = ", ".join(map(visible, advice.layers[:MOST_LAYERS]))
        more = f" and {len(advice.layers) - MOST_LAYERS} more" if len(advice.layers) > MOST_LAYERS else ""
        console.print(f"Advice: {advice.change} ({layers}{more}). Gain: {advice.gain}.")
    console.print("operators: " + ", ".join(f"{count} {visible(name)}" for name, count in report.operators.items()))


def print_rows(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Prints a table of strings; all columns but the first are numbers, aligned to the right."""
    table = Table(title=visible(title))
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", overflow="fold", no_wrap=index > 0)
    for row in rows:
        table.add_row(*map(visible, row))
    _console().print(table)


def visible(text: str) -> str:
    """Text that does nothing to a terminal: a file may hold any.

    >>> visible("a" + chr(27) + "[31m")
    'a?[31m'
    """
    return "".join(character if character.isprintable() else "?" for character in text)


def _console() -> Console:
    """Prints brackets and colons as they are; rich would take some for markup.

    Files and pipes have no width: there tables are as wide as they need to be.
    """
    return Console(markup=False, emoji=False, width=None if sys.stdout.isatty() else 200)
