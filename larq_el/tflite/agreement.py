"""Whether two sets of outputs, or of a layer's values, are the same but for rounding."""

from collections.abc import Sequence

import numpy as np

DIFFERS = 1e-3
"""Two values differ where they are apart by more than this share of the layer's largest magnitude."""


def has_classes(shape: Sequence[int]) -> bool:
    """Whether an output of this shape, the batch first, has classes to choose from."""
    return len(shape) > 1 and shape[-1] > 1


def agree(expected: np.ndarray, got: np.ndarray) -> np.ndarray:
    """Whether each sample has the same most likely class; without classes, the share of values that do not differ."""
    if has_classes(expected.shape):
        # where one of them is NaN, argmax gives its place
        same = (expected.argmax(axis=-1) == got.argmax(axis=-1)) & np.isfinite(got).all(axis=-1)
    else:
        same = ~differs(expected, differences(expected, got))
    return same.reshape(len(expected), -1).mean(axis=1)


def differences(expected: np.ndarray, got: np.ndarray) -> np.ndarray:
    """Absolute differences; infinite where one is no number and the other is."""
    with np.errstate(invalid="ignore"):
        difference = np.abs(expected.astype(np.float64) - got.astype(np.float64))
    return np.where(
        (expected == got) | (np.isnan(expected) & np.isnan(got)), 0.0, np.nan_to_num(difference, nan=np.inf)
    )


def differs(expected: np.ndarray, difference: np.ndarray, share: float = DIFFERS) -> np.ndarray:
    """Which values differ: those further apart than a share of the largest magnitude.

    # Arguments
        expected: values.
        difference: of others from them, see `differences`.
        share: of the largest finite magnitude.
    """
    largest = np.abs(expected).max(initial=0.0, where=np.isfinite(expected))
    return difference > share * max(float(largest), float(np.finfo(np.float32).tiny))
