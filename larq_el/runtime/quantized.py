"""Reals and the integers that stand for them."""

from typing import Any

import numpy as np


def stored(reals: np.ndarray, dtype: Any, scale: float | None, zero_point: int = 0) -> np.ndarray:
    """What a tensor holds for real values: `round(reals / scale) + zero_point`, within its type.

    # Arguments
        reals: of any shape.
        dtype: of the tensor.
        scale, zero_point: of the tensor; without a scale the values are cast.

    >>> stored(np.array([0.0, 0.26, 9.0]), np.int8, 0.1, -3).tolist()
    [-3, 0, 87]
    """
    dtype = np.dtype(dtype)
    if not scale or dtype.kind not in "iu" or reals.dtype.kind != "f":
        return reals.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(reals / np.float64(scale)) + zero_point, limits.min, limits.max).astype(dtype)


def real(values: np.ndarray, scale: float | None, zero_point: int = 0) -> np.ndarray:
    """The reals that a tensor's integers stand for; other values as they are.

    >>> real(np.array([-3, 0, 87], np.int8), 0.1, -3).tolist()
    [0.0, 0.30000001192092896, 9.0]
    """
    if not scale or values.dtype.kind not in "iu":
        return values
    return (values.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)
