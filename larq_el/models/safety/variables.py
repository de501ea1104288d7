"""Keeps the variables of a model within what its file can hold: Keras makes them before it looks for their values."""

import contextlib
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

from larq_el.errors import UserError
from larq_el.models.safety.checked_copy import MOST_ALWAYS, MOST_RATIO


@contextlib.contextmanager
def bounded_variables(path: Path, name: str) -> Iterator[None]:
    """Refuses the variable that goes beyond what a file of this size may unpack to, before it is made.

    # Arguments
        path: of a model's file.
        name: of the file, for errors.

    # Raises
        ValueError: inside the block, names the variable and its shape.
    """
    from larq_el._keras import tf

    left = max(MOST_ALWAYS, MOST_RATIO * path.stat().st_size)

    def create(next_creator: Any, **options: Any) -> Any:
        nonlocal left
        shape = options.get("shape")
        shape = getattr(options.get("initial_value"), "shape", None) if shape is None else shape
        if shape is not None and (shape := tf.TensorShape(shape)).is_fully_defined():
            left -= prod(shape) * tf.as_dtype(options.get("dtype") or "float32").size
            if left < 0:
                raise UserError(
                    f"{name} is damaged: a variable {options.get('name')!r} of shape {tuple(shape)} does not go into "
                    f"its {path.stat().st_size:,} bytes; save the model again."
                )
        return next_creator(**options)

    with tf.variable_creator_scope(create):
        yield
