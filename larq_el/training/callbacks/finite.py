"""Stops a training whose numbers are none any more."""

import math
from collections.abc import Callable
from typing import Any

from larq_el._keras import keras
from larq_el.errors import UserError


class Finite(keras.callbacks.Callback):
    """Refuses to go on with a loss or a gradient that is not finite.

    # Arguments
        learning_rate: that was too high, perhaps.
        save_good: saves the weights of the last checkpoint and returns the path, or None where there is none.
        scales_loss: whether gradients may overflow, as those in float16 do; such a step is left out.

    # Raises
        ValueError: in the step in which it shows.
    """

    def __init__(self, learning_rate: float, save_good: Callable[[], str | None], *, scales_loss: bool = False) -> None:
        super().__init__()
        self._learning_rate, self._save_good = learning_rate, save_good
        self._names = ("loss",) if scales_loss else ("loss", "gradient_norm")
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remembers the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Looks at a step; the means of an epoch keep what was not finite in any of its steps."""
        for name in self._names:
            value = float((logs or {}).get(name, 0.0))
            if not math.isfinite(value):
                path = self._save_good()
                remedy = f"start another training from {path!r} (--weights)" if path else "start another training"
                raise UserError(
                    f"the {name.replace('_', ' ')} of epoch {self._epoch + 1} is {value} after {batch + 1} steps; "
                    f"{remedy} with a lower learning rate than {self._learning_rate:g}."
                )
