"""Where the float network stands that a binarized one was made of: beside it, as the teacher of its training."""

import os
from pathlib import Path


def original_path(path: str | os.PathLike[str]) -> Path:
    """The file of the float network.

    # Arguments
        path: of the binarized one.

    >>> str(original_path("nets/mine.keras"))
    'nets/mine.float.keras'
    """
    return Path(path).with_suffix(".float.keras")


def original_beside(source: str | os.PathLike[str]) -> str | None:
    """The file of the float network that a binarized one was made of; None where there is none.

    # Arguments
        source: what a user names as a model.
    """
    path = original_path(source) if Path(source).suffix else None
    return str(path) if path is not None and path.is_file() else None
