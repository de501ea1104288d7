"""Errors that tell a user what to do next."""

import difflib
from collections.abc import Iterable

MOST_NAMES = 8
"""More would bury the sentence that names them."""


class UserError(ValueError):
    """A mistake that its user can mend. The message is one sentence: what was wrong, the value received, the remedy.

    The commands print it and exit with 2; everything else that escapes a command is a defect of ours.
    """


class DifferenceError(UserError):
    """A flatbuffer does not compute what its model computes; the commands exit with 1."""


def first_line(error: BaseException) -> str:
    """The first line of another library's message, for the middle of a sentence of ours.

    >>> first_line(OSError("no such file\\n  a trace of it")), first_line(KeyError())
    ('no such file', 'KeyError')
    """
    return (str(error).strip() or type(error).__name__).split("\n")[0]


def one_line(error: BaseException) -> str:
    """The whole of a native library's message, whose lines are parts of one sentence.

    >>> one_line(RuntimeError("ERROR at 290 :\\n Invoke failed."))
    'ERROR at 290 : Invoke failed'
    """
    return " ".join(str(error).split()).rstrip(" .")


def closest(name: str, known: Iterable[str]) -> str:
    """Names the known names nearest to a misspelt one, for the end of an error message.

    >>> closest("elresnet62", ["elresnet26", "mobilenet"])
    "did you mean 'elresnet26'?"
    >>> closest("x", ["b", "a"])
    "known are 'a', 'b'"
    """
    known = sorted(known)
    matches = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if matches:
        return f"did you mean {' or '.join(map(repr, matches))}?"
    more = f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else ""
    return f"known are {', '.join(map(repr, known[:MOST_NAMES]))}{more}"
