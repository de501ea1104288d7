"""Samples as a model's inputs take them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from larq_el.errors import UserError

Shape = Sequence[int | None]


def in_batches(
    inputs: Mapping[str, Shape], samples: np.ndarray | Sequence[np.ndarray], model: str = "the model"
) -> list[np.ndarray]:
    """Samples for each input, as many as fill whole batches.

    >>> [array.shape for array in in_batches({"image": (4, 8, 8, 3)}, np.zeros((10, 8, 8, 3)))]
    [(8, 8, 8, 3)]

    # Arguments
        inputs: the shape of each input by its name, the batch first, None where that is free.
        samples: an array of samples; for several inputs a list or tuple of one for each, in their order.
        model: its name, for messages.

    # Raises
        ValueError: where they do not fit the model.
    """
    arrays = list(map(np.asarray, samples)) if isinstance(samples, list | tuple) else [np.asarray(samples)]
    if len(arrays) != len(inputs):
        raise UserError(
            f"{model} has {len(inputs)} inputs and samples are given for {len(arrays)}: give a list of one array for "
            f"each of {', '.join(inputs)}."
        )
    for (name, (_, *wanted)), values in zip(inputs.items(), arrays, strict=True):
        if values.ndim == 0 or list(values.shape[1:]) != wanted:
            of_input = f" of input {name!r}" if len(inputs) > 1 else ""
            raise UserError(
                f"samples{of_input} must have shape ({', '.join(map(str, ('N', *wanted)))}), got {values.shape}."
            )
    sizes = [shape[0] or 1 for shape in inputs.values()]
    if len(set(sizes)) > 1:
        raise UserError(f"all inputs must take as many samples at a time, they take {_listed(sizes)}.")
    counts = [len(values) for values in arrays]
    if len(set(counts)) > 1:
        raise UserError(f"each input must have as many samples, got {_listed(counts)}.")
    if counts[0] < sizes[0]:
        raise UserError(f"{model} computes {sizes[0]} samples at a time, got {counts[0]}; give at least as many.")
    return [values[: counts[0] // sizes[0] * sizes[0]] for values in arrays]


def _listed(counts: Sequence[int]) -> str:
    return " and ".join(map(str, counts))


def as_type(values: np.ndarray, kind: Any) -> np.ndarray:
    """Samples in the type that an input takes.

    # Arguments
        values: of any type.
        kind: a numpy type or its name.

    # Raises
        ValueError: where one is no finite number, or becomes none.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        cast = values.astype(kind)
    bad = ~(np.isfinite(values) & np.isfinite(cast))
    if bad.any():
        raise UserError(
            f"samples must be finite as {cast.dtype}, got {values[bad][0]} in {int(bad.sum())} of {bad.size} places; "
            "leave those samples out."
        )
    return cast
