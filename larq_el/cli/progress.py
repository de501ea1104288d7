"""Progress of what takes long, on standard error: a line that changes on a terminal, and none elsewhere."""

import sys
import time

from larq_el.tables import visible

WIDTH = 79


class Line:
    """One line that tells what goes on; pipes and log files get its last state alone. As a context it goes at the end.

    # Arguments
        quiet: whether to say nothing.
        after: seconds before which nothing is shown.
    """

    def __init__(self, quiet: bool = False, after: float = 0.0) -> None:
        self._shows = sys.stderr.isatty() and not quiet
        self._quiet = quiet
        self._from = time.monotonic() + after
        self._is_shown = False

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def update(self, text: str) -> None:
        """Shows another state."""
        text = visible(text)
        if self._shows and time.monotonic() >= self._from:
            self._is_shown = True
            print(f"\r{text[:WIDTH]:{WIDTH}}", end="", file=sys.stderr, flush=True)

    def end(self, text: str = "") -> None:
        """Shows the last state; without any the line goes."""
        if self._is_shown:
            print(f"\r{text[:WIDTH]:{WIDTH}}", end="\n" if text else "\r", file=sys.stderr, flush=True)
        elif text and not self._quiet:
            print(text, file=sys.stderr, flush=True)
        self._is_shown = False
