"""How a command ends: 0, 1 for a failed check, 2 for a user's mistake, one sentence on standard error."""

import sys
import warnings
from collections.abc import Sequence
from typing import TextIO

import click

from larq_el.cli.quiet import native_messages_hidden
from larq_el.errors import DifferenceError, UserError
from larq_el.tables import visible

EXTRAS = {
    **dict.fromkeys(("tensorflow", "tf_keras", "larq", "larq_compute_engine", "ai_edge_quantizer", "h5py"), "convert"),
    **dict.fromkeys(("tensorflow_datasets", "sklearn", "matplotlib", "pooch", "requests"), "train"),
}
"""What larq_el_runtime does without, and the extra that brings it."""


class CheckError(Exception):
    """A check that failed: its message goes to standard error, the exit status is 1."""


def run(command: click.Command, args: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit status: 0, 1 for a failed check, 2 for a user's mistake."""
    try:
        with native_messages_hidden(), warnings.catch_warnings():
            warnings.showwarning = _warn
            command.main(args=None if args is None else list(args), standalone_mode=False)
    except UserError as error:
        return _fail(str(error), 1 if isinstance(error, DifferenceError) else 2)
    except click.UsageError as error:
        return _fail(f"{error.format_message()} See --help.", 2)
    except CheckError as error:
        return _fail(str(error), 1)
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package not in EXTRAS:
            raise
        return _fail(
            f"this needs {package}, which is not installed: pip install 'larq_el_runtime[{EXTRAS[package]}]', or "
            "larq_el, which requires all.",
            2,
        )
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted.", 130)
    return 0


def _fail(message: str, status: int) -> int:
    # a message may quote a file, which may hold anything
    print(f"Error: {visible(message)}", file=sys.stderr)
    return status


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning of ours as a sentence; other packages' are for their programmers."""
    if "larq_el" in filename:
        print(f"Warning: {visible(str(message))}", file=sys.stderr)
