"""The rows of metrics, the links' gammas, and the best network so far."""

from collections.abc import Callable
from typing import Any

from larq_el._keras import Model, keras
from larq_el.layers.gammas import gammas_of
from larq_el.training.stage_folder import BEST, StageFolder

Row = dict[str, float]


class Records(keras.callbacks.Callback):
    """Writes a row for each epoch, and saves the network where it is the best so far.

    # Arguments
        folder: of the stage.
        network: that is trained.
        epochs: how many are done.
        held_out: what the network is judged on: "validation" or "test".
        save: saves the network as it is under a name.
        on_epoch: is called with each new row.

    # Attributes
        rows: one an epoch.
    """

    def __init__(
        self,
        folder: StageFolder,
        network: Model,
        epochs: int,
        held_out: str,
        save: Callable[[str], None],
        on_epoch: Callable[[Row], None] | None,
    ) -> None:
        super().__init__()
        self._folder, self._network, self._held_out, self._save, self._on_epoch = (
            folder,
            network,
            held_out,
            save,
            on_epoch,
        )
        self.rows = folder.read_metrics(epochs)
        self._gammas = folder.read_gammas(epochs) or [{"epoch": epochs, "gammas": gammas_of(network)}]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds a row."""
        row: Row = {"epoch": epoch + 1}
        for name, value in (logs or {}).items():
            row[name.replace("val_", f"{self._held_out}_")] = float(value)
        best = max((row.get(f"{self._held_out}_accuracy", 0.0) for row in self.rows), default=-1.0)
        self.rows.append(row)
        self._gammas.append({"epoch": epoch + 1, "gammas": gammas_of(self._network)})
        self._folder.write_metrics(self.rows, self._gammas)
        if row[f"{self._held_out}_accuracy"] > best:
            self._save(BEST)
        if self._on_epoch is not None:
            self._on_epoch(row)
