"""How far a tensor of a flatbuffer may be from what Keras computes."""

from dataclasses import dataclass

import numpy as np

from larq_el.convert.verification.differences import WRONG
from larq_el.tflite.agreement import DIFFERS, differences

NEAR = 1e-3
"""Values below this share of a tensor's largest are near zero: rounding may turn over their signs."""
TURNED = 0.02
"""Share of the signs that may be turned over in one tensor."""
FEW = 16
"""Positions of a channel below which its mean says nothing."""


@dataclass(frozen=True)
class Bound:
    """What holds for tensors of float32: but for rounding they are the same.

    # Attributes
        differs: values differ that are further apart than this share of the largest value of their sample.
        wrong: share of the values that may differ.
    """

    differs: float = DIFFERS
    wrong: float = WRONG

    def share(self, expected: np.ndarray, got: np.ndarray) -> float:
        """The share of the values that differ, 0 to 1.

        # Arguments
            expected, got: of one shape.
        """
        if expected.dtype.kind != "f":
            return float(np.mean(expected != got)) if expected.size else 0.0
        axes = tuple(range(1, expected.ndim)) if expected.ndim > 1 else None
        with np.errstate(invalid="ignore"):
            largest = np.abs(expected).max(axis=axes, keepdims=True, initial=0.0)
            if not np.isfinite(largest).all():
                largest = np.abs(expected).max(axis=axes, keepdims=True, initial=0.0, where=np.isfinite(expected))
            gap = np.abs(expected - got)
        if not np.isfinite(gap).all():
            gap = differences(expected, got)
        differing = gap > self.differs * np.maximum(largest, np.finfo(np.float32).tiny)
        return float(differing.mean()) if expected.size else 0.0

    def holds(self, expected: np.ndarray, got: np.ndarray) -> bool:
        """Whether two tensors are the same.

        >>> Bound().holds(np.ones(8), np.ones(8) + 1e-6), Bound().holds(np.ones(8), np.zeros(8))
        (True, False)
        """
        return self.share(expected, got) <= self.wrong

    def signs_hold(self, rows: np.ndarray, negative: np.ndarray, values: np.ndarray) -> bool:
        """Whether values have these signs, but for some near zero.

        # Arguments
            rows: some or all of the values, a channel a column.
            negative: the signs, of the same shape.
            values: all of them, whose largest is the measure.
        """
        turned = negative != (rows < 0)
        if not turned.any():
            return True
        largest = np.abs(values).max(initial=0.0, where=np.isfinite(values))
        return bool(turned.mean() <= TURNED and (np.abs(rows[turned]) <= NEAR * largest).all())


@dataclass(frozen=True)
class RelativeBound(Bound):
    """What holds where weights or activations have fewer bits: the error is small beside what varies in a channel.

    # Attributes
        noise: the error's root mean square in shares of the variation's.
    """

    noise: float = 0.3

    def share(self, expected: np.ndarray, got: np.ndarray) -> float:
        """The error in shares of the variation."""
        if expected.dtype.kind != "f" or not np.isfinite(expected).all() or not np.isfinite(got).all():
            return super().share(expected, got)
        rows = expected.reshape(-1, expected.shape[-1]) if expected.ndim else expected.reshape(1, 1)
        # where a channel has a mean, a convolution that gives its bias alone would be near it
        varied = rows - rows.mean(axis=0) if len(rows) >= FEW else rows
        error = float(np.sqrt(np.mean(np.square(np.float64(got) - expected)))) if expected.size else 0.0
        variation = float(np.sqrt(np.mean(np.square(np.float64(varied))))) if expected.size else 0.0
        # what varies by rounding alone is a constant
        return error / max(variation, 1e-3 * float(np.abs(expected).max(initial=0.0)), 1e-30)

    def holds(self, expected: np.ndarray, got: np.ndarray) -> bool:
        """Whether two tensors are the same but for the noise of fewer bits.

        >>> RelativeBound().holds(np.array([[1.0, -1.0]]), np.array([[1.1, -1.0]]))
        True
        >>> RelativeBound().holds(np.array([[1.0, -1.0]]), np.array([[0.0, 0.0]]))
        False
        """
        return self.share(expected, got) <= self.noise


BOUNDS = {
    "float32": Bound(),
    "float16": RelativeBound(noise=0.02),
    "int8": RelativeBound(),
    "int8-static": RelativeBound(),
}
"""By what the float rest computes with."""
