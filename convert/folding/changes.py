"""Which tensors of a folded flatbuffer hold other values than the Keras model computes: a note in its metadata."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from larq_el.errors import UserError
from larq_el.tflite.flatbuffer import Flatbuffer

ENTRY = "larq_el.changes"


@dataclass(frozen=True)
class Change:
    """What a tensor holds: `factor * x + shift` of the x that it held before.

    # Attributes
        factor, shift: (1,), or (C,) with one for each channel.

    >>> Change().multiplied(2.0).shifted([1.0, 3.0]).multiplied(10.0).undone(np.array([30.0, 50.0]))
    array([1., 1.])
    """

    factor: np.ndarray = field(default_factory=lambda: np.ones(1))
    shift: np.ndarray = field(default_factory=lambda: np.zeros(1))

    def multiplied(self, factor: Any) -> "Change":
        """This, and a product with `factor` behind it."""
        return Change(self.factor * np.asarray(factor, np.float64), self.shift * np.asarray(factor, np.float64))

    def shifted(self, shift: Any) -> "Change":
        """This, and a sum with `shift` behind it."""
        return Change(self.factor, self.shift + np.asarray(shift, np.float64))

    def undone(self, values: np.ndarray) -> np.ndarray:
        """What the tensor held, from what it holds."""
        return np.asarray((values - self.shift.astype(values.dtype)) / self.factor.astype(values.dtype))

    @property
    def is_none(self) -> bool:
        """Whether the tensor holds what it held."""
        return bool(np.all(self.factor == 1.0) and not np.any(self.shift))


def written(changes: dict[int, Change]) -> bytes:
    """The note, all in float32: of each tensor its index, the number of its factors and of its shifts, and these.

    Where all channels have the same, it is written once.
    """
    rows = [np.empty(0)]
    for index, change in sorted(changes.items()):
        factor, shift = (part[:1] if np.all(part == part[0]) else part for part in (change.factor, change.shift))
        rows.append(np.concatenate([[index, len(factor), len(shift)], factor, shift]))
    return np.concatenate(rows).astype("<f4").tobytes()


def changes_of(flatbuffer: Flatbuffer) -> dict[int, Change]:
    """Reads the note.

    # Arguments
        flatbuffer: the model; one that was not folded has none.

    # Returns
        The changes, by the tensors' indices.

    # Raises
        ValueError: where the note is damaged.
    """
    content = flatbuffer.metadata.get(ENTRY, b"")
    values = np.frombuffer(content[: len(content) // 4 * 4], "<f4")
    changes: dict[int, Change] = {}
    while len(values):
        head, values = values[:3], values[3:]
        # NaN compares as false
        known = len(head) == 3 and 0 <= head[0] < len(flatbuffer.tensors) and (head[1:] <= len(values)).all()
        index, factors, shifts = map(int, head) if known else (0, 0, 0)
        factor, shift, values = np.split(values, [factors, factors + shifts])
        port = index in flatbuffer.inputs or index in flatbuffer.outputs  # whose values are the model's own
        if not known or port or not _is_sound(factor, shift, flatbuffer.tensors[index].shape):
            raise UserError(f"{flatbuffer.name} is damaged: its note {ENTRY!r} cannot be right; convert anew.")
        changes[index] = Change(factor, shift)
    return changes


def _is_sound(factor: np.ndarray, shift: np.ndarray, shape: tuple[int, ...]) -> bool:
    finite = np.isfinite(factor).all() and np.isfinite(shift).all() and np.all(factor != 0)
    return bool(finite) and {len(factor), len(shift)} <= {1, *shape[-1:]}
