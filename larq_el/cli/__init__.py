"""The commands `larq-el` and `lce_convert`, one thin file each.

Exit status: 0 success, 1 a check that failed, 2 a user's mistake (one sentence on stderr).
"""

from larq_el.cli.app import lce_convert, main

__all__ = ["lce_convert", "main"]
