"""Tables and sentences, written once and shown on a terminal, on a page and in a notebook.

Terminals get whole words: a column is as narrow as its longest one, columns without a value are left out, and where
even that is too wide, the longest words break.
"""

import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

PLAIN = 200
"""Columns of a file or a pipe, which have no width of their own."""


@dataclass(frozen=True)
class Table:
    """Rows of strings.

    # Attributes
        title: above it.
        columns: short headers.
        rows: a string for each column.
        marked: positions of the rows that tell of something wrong.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    marked: frozenset[int] = field(default_factory=frozenset)


Parts = Iterable[Table | str]
"""Tables, and sentences between them."""


class Shown:
    """What prints as its `parts`: `print(...)` on a terminal, and by itself in a notebook."""

    def parts(self) -> Parts:
        """Tables and sentences."""
        raise NotImplementedError

    def __str__(self) -> str:
        return as_text(self.parts())

    def _repr_html_(self) -> str:
        return as_html(self.parts())


def visible(text: str) -> str:
    """Text that does nothing to a terminal: a file may hold any.

    >>> visible("a" + chr(27) + "[31m")
    'a?[31m'
    """
    return "".join(character if character.isprintable() else "?" for character in text)


def width_of(stream: object) -> int:
    """Columns of a stream: of the terminal that it is, `PLAIN` of files and pipes."""
    is_terminal = getattr(stream, "isatty", lambda: False)()
    return shutil.get_terminal_size((PLAIN, 24)).columns if is_terminal else PLAIN


def as_text(parts: Parts, width: int | None = None, *, colour: bool = False) -> str:
    """Tables and sentences for a terminal.

    >>> print(as_text([Table("sizes", ["file", "MB"], [["el", "1.20"]]), "One file."], 40))
      sizes
    ┏━━━━━━┳━━━━━━┓
    ┃ file ┃   MB ┃
    ┡━━━━━━╇━━━━━━┩
    │ el   │ 1.20 │
    └──────┴──────┘
    One file.

    # Arguments
        parts: tables, and sentences.
        width: columns of the terminal; None for those of standard output.
        colour: whether to mark rows by colours too.
    """
    try:
        from rich.console import Console
    except ImportError:  # a device with nothing but a runtime
        return "\n".join(_plain(part) for part in parts)
    # rich would take brackets and colons for markup
    width = width_of(sys.stdout) if width is None else width
    console = Console(markup=False, emoji=False, highlight=False, width=width, force_terminal=colour)
    with console.capture() as capture:
        for part in parts:
            if isinstance(part, str):
                console.print(visible(part))
            elif part.rows:
                console.print(_rich(part, width))
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _plain(part: Table | str) -> str:
    """A part without a library that draws."""
    if isinstance(part, str):
        return visible(part)
    return "\n".join("  ".join(map(visible, row)) for row in [part.columns, *part.rows])


def _rich(table: Table, width: int) -> object:
    from rich.table import Table as RichTable

    kept = [at for at in range(len(table.columns)) if any(row[at] for row in table.rows)]
    rows = [[visible(row[at]) for at in kept] for row in table.rows]
    columns = [table.columns[at] for at in kept]
    cells = [[column, *(row[at] for row in rows)] for at, column in enumerate(columns)]
    widths = _widths(cells, width - 3 * len(columns) - 1)
    shown = RichTable(title=visible(table.title))
    for (column, *values), wide in zip(cells, widths, strict=True):
        numbers = all(map(_is_number, values))
        shown.add_column(column, justify="right" if numbers else "left", overflow="fold", width=wide)
    for at, row in enumerate(rows):
        shown.add_row(*row, style="red" if at in table.marked else None)
    return shown


def _widths(columns: Sequence[Sequence[str]], room: int) -> list[int]:
    """Characters for each column: its longest word, or what there is room for, and then what its lines need."""
    words = [max((len(word) for text in texts for word in text.split()), default=1) for texts in columns]
    while sum(words) > room and max(words) > 1:
        words[words.index(max(words))] -= 1
    wanted = [max(map(len, texts), default=1) for texts in columns]
    left = room - sum(words)
    # the column that lacks least first, so that as many as can be are whole
    for done, at in enumerate(sorted(range(len(words)), key=lambda at: wanted[at] - words[at])):
        more = min(max(wanted[at] - words[at], 0), max(left, 0) // (len(words) - done))
        words[at] += more
        left -= more
    return words


def _is_number(text: str) -> bool:
    """Whether a cell belongs to the right: empty, or a number with its unit, sign or range."""
    return not text or (text.lstrip("±-+<").lstrip()[:1].isdigit() and not text[0].isalpha())


def as_html(parts: Parts) -> str:
    """Tables and sentences as HTML, each value escaped.

    >>> as_html(["a < b"])
    '<p>a &lt; b</p>'
    """
    return "\n".join(f"<p>{escape(part)}</p>" if isinstance(part, str) else _html(part) for part in parts)


def _html(table: Table) -> str:
    lines = [f"<h2>{escape(table.title)}</h2>", "<table>"]
    lines.append("<tr>" + "".join(f"<th>{escape(name)}</th>" for name in table.columns) + "</tr>")
    for at, row in enumerate(table.rows):
        cells = (
            f'<td class="n">{escape(value)}</td>' if _is_number(value) else f"<td>{escape(value)}</td>" for value in row
        )
        lines.append(('<tr class="bad">' if at in table.marked else "<tr>") + "".join(cells) + "</tr>")
    return "\n".join([*lines, "</table>"])


def _class(name: str, has_it: bool) -> str:
    return f' class="{name}"' if has_it else ""
