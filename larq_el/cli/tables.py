"""Tables on the terminal."""

import os
import sys

from larq_el.tables import Parts, Table, as_text, visible

__all__ = ["print_line", "print_parts", "print_rows", "visible"]


def print_line(text: str) -> None:
    """Prints a sentence that quotes names of files, models or layers, which may hold anything."""
    print(visible(text))


def print_parts(parts: Parts) -> None:
    """Prints tables and sentences; colours where a terminal shows them and `NO_COLOR` is not set.

    # Arguments
        parts: of a report, or of anything else that has them.
    """
    print(as_text(parts, colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR")))


def print_rows(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Prints one table."""
    print_parts([Table(title, columns, rows)])
