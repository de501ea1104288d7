"""How many signs of the binary kernels turn in a step."""

from typing import Any

import numpy as np

from larq_el._keras import Model, keras
from larq_el.introspection import has_binary_kernel, leaf_layers

EVERY = 50
"""Steps from one count to the next."""


class SignFlips(keras.callbacks.Callback):
    """Counts in some steps which share of the signs turns, into the metric `flips`.

    Noise that settles as the learning rate falls is healthy; none at all from the start, or no end of it, is not.

    # Arguments
        network: with binary kernels; without any, nothing is counted.
        flips: `keras.metrics.Mean`.
        iterations: the optimizer's count of steps.
    """

    def __init__(self, network: Model, flips: Any, iterations: Any) -> None:
        super().__init__()
        self._latent = [
            layer.depthwise_kernel if hasattr(layer, "depthwise_kernel") else layer.kernel
            for layer in leaf_layers(network)
            if has_binary_kernel(layer)
        ]
        self._flips, self._iterations = flips, iterations
        self._before: list[Any] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Begins to count anew."""
        self._flips.reset_state()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Remembers the signs before a step that counts."""
        self._before = self._signs() if int(self._iterations.numpy()) % EVERY == 0 else []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Counts those that turned."""
        if self._before:
            turned = sum(int((a != b).sum()) for a, b in zip(self._before, self._signs(), strict=True))
            self._flips.update_state(turned / sum(signs.size for signs in self._before))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds the epoch's mean to its metrics."""
        if logs is not None and self._latent and float(self._flips.count):
            logs["sign_flips"] = float(self._flips.result())

    def _signs(self) -> list[Any]:
        return [np.signbit(latent.numpy()) for latent in self._latent]
