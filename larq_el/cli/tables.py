"""Tables on the terminal."""

import sys
from typing import Any

from rich.console import Console
from rich.table import Table


def print_report(report: Any, title: str) -> None:
    """Prints a `larq_el.convert.Report`: a row a convolution, then the sums."""
    table = Table("layer", "operator", "kernel", "MACs", "bytes", "why float, or wrong", title=title)
    for conv in report.convolutions:
        table.add_row(
            conv.layer,
            conv.operator,
            "x".join(map(str, conv.kernel)),
            f"{conv.macs / 1e6:.2f}M",
            f"{conv.bytes:,}",
            conv.fault or conv.reason,
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
        console.print(f"No runtime of TFLite or LCE has an operator for {', '.join(report.unresolved)}.", style="red")
    console.print("operators: " + ", ".join(f"{count} {name}" for name, count in report.operators.items()))


def print_rows(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Prints a table of strings; all columns but the first are numbers, aligned to the right."""
    table = Table(title=title)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", overflow="fold", no_wrap=index > 0)
    for row in rows:
        table.add_row(*row)
    _console().print(table)


def _console() -> Console:
    """Files and pipes have no width: there tables are as wide as they need to be."""
    return Console() if sys.stdout.isatty() else Console(width=200)
