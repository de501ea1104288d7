"""Loads the weights of a model from a file."""

import os
from typing import Any

from larq_el.errors import UserError, first_line


def load_weights(model: Any, weights: str | os.PathLike[str]) -> None:
    """Loads a weights file into a model of the same topology.

    # Arguments
        model: a `tf.keras.Model`.
        weights: path of an `.h5` or `.keras` file, of weights alone or of a whole model.

    # Raises
        ValueError: where there is no such file, or it does not hold this model's weights.
    """
    path = os.fspath(weights)
    if path == "imagenet":
        raise UserError(
            f"weights 'imagenet' of {model.name!r} are not published yet; give the path of a weights file, or train "
            "some: `larq-el train` with --dataset imagenet2012 follows the paper's recipe."
        )
    if not os.path.isfile(path):
        raise UserError(f"weights must be None or the path of a weights file, and there is no file {path!r}.")
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise UserError(f"{path!r} does not hold the weights of {model.name!r}: {first_line(error)}") from error
