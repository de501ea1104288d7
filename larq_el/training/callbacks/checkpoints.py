"""Checkpoints after every epoch and every few minutes, to continue from as if nothing had happened."""

import time
import warnings
from typing import Any

from larq_el._keras import keras, tf
from larq_el.errors import UserError, first_line
from larq_el.training.stage_folder import CHECKPOINTS, StageFolder, remove, writing
from larq_el.training.trainer import Trainer

KEPT = 2
"""Checkpoints: where the last one is damaged, the one before it is used."""


class Checkpoints(keras.callbacks.Callback):
    """Saves the network, the optimizer, what the metrics have summed up, and how far the stage is.

    # Arguments
        folder: of the stage.
        trainer: compiled, with its optimizer built.
        minutes: between checkpoints within an epoch; 0 for one after every step.
        others: metrics that are not the trainer's.

    # Attributes
        epoch, step: how many epochs, and steps of the next one, are done.
    """

    def __init__(self, folder: StageFolder, trainer: Trainer, minutes: float, others: tuple[Any, ...] = ()) -> None:
        super().__init__()
        self._folder, self._seconds = folder, 60 * minutes
        self._epoch, self._step = (tf.Variable(0, dtype=tf.int64, trainable=False) for _ in range(2))
        self._sums = [variable for metric in (*trainer.metrics, *others) for variable in metric.variables]
        self._restored_sums: list[Any] = []
        self._checkpoint = tf.train.Checkpoint(
            model=trainer.network,
            optimizer=trainer.optimizer,
            epochs_done=self._epoch,
            steps_done=self._step,
            sums=self._sums,
        )
        self._iterations = trainer.optimizer.iterations
        self._manager: Any = None
        self._last = time.monotonic()

    @property
    def epoch(self) -> int:
        """Epochs that are done."""
        return int(self._epoch)

    @property
    def step(self) -> int:
        """Steps that are done of the epoch after them."""
        return int(self._step)

    def restore(self) -> None:
        """Restores the last checkpoint that is whole; one that is damaged is said, and the one before it taken.

        Where a killed training was just writing the first one, nothing is restored: the stage begins again.

        # Raises
            ValueError: where there are checkpoints and none can be read, or there were some.
        """
        found = self._folder.checkpoints()
        if self._was_writing_the_first(found):
            if self._folder.is_chief:
                remove(found[0])
            return
        for at, path in enumerate(found):
            try:
                self._checkpoint.restore(path).assert_consumed()
            except Exception as error:  # whatever TensorFlow raises of a damaged file
                what = f"continues from {found[at + 1]!r}" if at + 1 < len(found) else "there is no other"
                warnings.warn(f"checkpoint {path!r} is damaged ({first_line(error)}); {what}.", stacklevel=2)
                continue
            for damaged in found[:at] if self._folder.is_chief else ():
                remove(damaged)
            self._restored_sums = [variable.numpy() for variable in self._sums] if self.step else []
            return
        if found:
            raise UserError(
                f"no checkpoint in {str(self._folder.folder)!r} can be read; start the training again in another "
                "folder."
            )
        self._folder.check_begun()

    def _was_writing_the_first(self, found: list[str]) -> bool:
        """Whether the only checkpoint lacks its index, or that one's end, which is written last but for the list."""
        if len(found) != 1 or self._folder.has_begun:
            return False
        try:
            tf.train.load_checkpoint(found[0])
        except (tf.errors.OpError, ValueError):
            return True
        return False

    def begin(self) -> None:
        """Makes ready to save: TensorFlow's list of checkpoints may be damaged too; ours is the folder."""
        place = self._folder.folder / CHECKPOINTS
        if not self._folder.is_chief:
            # every worker has to take part in reading what is spread over all of them
            import tempfile

            place = type(place)(tempfile.mkdtemp(prefix="larq_el-worker-"))
        (place / "checkpoint").unlink(missing_ok=True)
        self._manager = tf.train.CheckpointManager(self._checkpoint, str(place), max_to_keep=KEPT)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """What the metrics had summed up of an epoch that goes on; Keras has just forgotten it."""
        for variable, value in zip(self._sums, self._restored_sums, strict=False):
            variable.assign(value)
        self._restored_sums = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Another step."""
        self._step.assign_add(1)
        if time.monotonic() - self._last >= self._seconds:
            self._save()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Another epoch."""
        self._epoch.assign(epoch + 1)
        self._step.assign(0)
        self._save()

    def _save(self) -> None:
        with writing(self._folder.folder, "a checkpoint"):
            self._manager.save(checkpoint_number=int(self._iterations.numpy()))
        for old in self._folder.checkpoints()[KEPT:] if self._folder.is_chief else ():
            remove(old)
        self._last = time.monotonic()
