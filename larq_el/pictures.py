"""Pictures by matplotlib, without a window."""

import io
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from larq_el.errors import UserError

PICTURES = (".png", ".svg", ".pdf")
"""Suffixes of the files that can be drawn."""


def check_picture(path: Path) -> None:
    """Refuses a picture of a kind that cannot be drawn.

    # Arguments
        path: of the file.

    # Raises
        ValueError: where the name's suffix is none of `PICTURES`, or matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise UserError("pictures need matplotlib: install it with `pip install matplotlib`.")
    if path.suffix not in PICTURES:
        raise UserError(f"pictures are {', '.join(PICTURES)} files, got {str(path)!r}; give another name.")


def new_figure(width: float = 8.0, height: float = 5.0) -> Any:
    """An empty figure.

    # Arguments
        width, height: in inches.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def as_picture(figure: Any, suffix: str) -> bytes:
    """A figure as a file's content.

    # Arguments
        figure: of `new_figure`.
        suffix: of `PICTURES`.
    """
    stream = io.BytesIO()
    figure.savefig(stream, format=suffix.lstrip("."), dpi=150)
    return stream.getvalue()
