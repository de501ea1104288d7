"""Progress of what takes long, on standard error: a line that changes on a terminal, and none elsewhere."""

import sys

WIDTH = 79


class Line:
    """One line that tells what goes on; pipes and log files get its last state alone.

    # Arguments
        quiet: whether to say nothing.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._on_terminal = sys.stderr.isatty()

    def update(self, text: str) -> None:
        """Shows another state."""
        if self._on_terminal and not self._quiet:
            print(f"\r{text[:WIDTH]:{WIDTH}}", end="", file=sys.stderr, flush=True)

    def end(self, text: str = "") -> None:
        """Shows the last state; without any the line goes."""
        if self._quiet:
            return
        if self._on_terminal:
            print(f"\r{text[:WIDTH]:{WIDTH}}", end="\n" if text else "\r", file=sys.stderr, flush=True)
        elif text:
            print(text, file=sys.stderr, flush=True)
