"""Carries out one stage: prepares the network, and runs Keras's `fit` from wherever the stage is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from larq_el._keras import Model, keras, tf
from larq_el.data.dataset import ImageDataset, Share
from larq_el.data.image_size import image_size_of
from larq_el.errors import UserError
from larq_el.introspection import has_binary_kernel, leaf_layers
from larq_el.levels import at_level, rebuilt
from larq_el.training.callbacks import Checkpoints, Finite, Records, SignFlips
from larq_el.training.callbacks.records import Row
from larq_el.training.gradients import fused_gradients
from larq_el.training.interactions import mine_interactions
from larq_el.training.optimizers import optimizer_of
from larq_el.training.precision import in_precision
from larq_el.training.stage_folder import GOOD, LOGS, MODEL, Rows, StageFolder
from larq_el.training.trainer import Trainer
from larq_el.training.transfer import hand_on
from larq_el.zoo.recipes.stage import Stage

MINING_IMAGES = 256
"""Of the batch that interactions are mined on."""


@dataclass(frozen=True)
class Setting:
    """What the stages of a training share.

    # Attributes
        dataset: see `load_dataset`.
        seed: of the order of images, of the augmentation, and of everything else that is random.
        precision: "float32", "mixed_bfloat16" or "mixed_float16".
        strategy: a `tf.distribute.Strategy`.
        frozen: patterns of the names of layers that are not trained.
        checkpoint_minutes: between checkpoints within an epoch.
        tensorboard: whether to write logs for TensorBoard.
        callbacks: Keras callbacks of the user.
        verbose: Keras's progress bar: "auto", 0, 1 or 2.
        on_epoch: is called with the stage's name and each new row of metrics.
    """

    dataset: ImageDataset
    seed: int = 0
    precision: str = "float32"
    strategy: Any = field(default_factory=tf.distribute.get_strategy)
    frozen: tuple[str, ...] = ()
    checkpoint_minutes: float = 10.0
    tensorboard: bool = False
    callbacks: Sequence[Any] = ()
    verbose: int | str = "auto"
    on_epoch: Callable[[str, Row], None] | None = None

    @property
    def share(self) -> Share:
        """What this process computes of each batch."""
        resolver = self.strategy.cluster_resolver
        workers = len(resolver.cluster_spec().as_dict().get("worker", [])) if resolver else 0
        replicas = self.strategy.num_replicas_in_sync
        if workers < 2:
            return Share(replicas=replicas)
        return Share(resolver.task_id, workers, replicas // workers)


def network_at(network: Model, stage: Stage) -> Model:
    """A stage's network with the weights of `network`, at the stage's level of binarization."""
    if any(map(has_binary_kernel, leaf_layers(network))):
        return at_level(network, stage.level)
    return rebuilt(network, lambda layer, config: config)


def initial_network(stage: Stage, network: Model, start: Model | None, setting: Setting) -> Model:
    """The network that a stage begins with, in float32.

    # Arguments
        stage: see `larq_el.zoo.recipes.Stage`.
        network: what `stage.network` stands for, with initial weights.
        start: that of the stage `stage.start`, trained.
        setting: of the training.
    """
    tf.random.set_seed(setting.seed)  # on which the order of images depends
    begun = network_at(network, stage)
    if start is not None:
        hand_on(start, begun, stage.fresh)
    else:
        _start_latent(begun, stage, setting.seed)
    if stage.proposals:
        data = setting.dataset.few(MINING_IMAGES).epoch(
            0, image_size=image_size_of(begun), batch_size=MINING_IMAGES, seed=setting.seed
        )
        images, labels = next(data.as_numpy_iterator())
        mine_interactions(begun, images, labels, proposals=stage.proposals, seed=setting.seed)
    return begun


def _start_latent(network: Model, stage: Stage, seed: int) -> None:
    """Other initial weights behind the signs, where the stage wants them."""
    rng = np.random.default_rng(seed)
    for layer in leaf_layers(network):
        quantized = hasattr(layer, "kernel_quantizer") or hasattr(layer, "depthwise_quantizer")
        if not quantized:
            continue
        kernel = layer.depthwise_kernel if hasattr(layer, "depthwise_kernel") else layer.kernel
        if stage.latent_range is not None:
            kernel.assign(rng.uniform(*stage.latent_range, kernel.shape).astype(np.float32))
        elif stage.latent_scale != 1.0:
            kernel.assign(kernel * stage.latent_scale)


def carry_out(stage: Stage, begun: Model, teacher: Model | None, folder: StageFolder, setting: Setting) -> Rows:
    """Trains a stage from its last checkpoint, or from its beginning, to its end.

    # Arguments
        stage: see `larq_el.zoo.recipes.Stage`.
        begun: the network that the stage begins with; it gets the trained weights.
        teacher: with the classes and images of the network, or None.
        folder: of the stage.
        setting: of the training.

    # Returns
        The stage's rows of metrics.
    """
    steps = steps_of_epoch(stage, setting)
    scales = setting.precision == "mixed_float16"
    tf.random.set_seed(setting.seed)
    with setting.strategy.scope():
        trained = in_precision(begun, setting.precision, synchronized=setting.strategy.num_replicas_in_sync > 1)
        freeze(trained, setting.frozen)
        taught_by = None if teacher is None else rebuilt(teacher, lambda layer, config: config)
        trainer = Trainer(trained, stage.losses, stage.optimizer, taught_by)
        optimizer = optimizer_of(stage, steps * stage.epochs, scales_loss=scales)
        trainer.compile(optimizer)
        optimizer.build(trained.trainable_variables)

    flips = keras.metrics.Mean("sign_flips")  # outside of the strategy: it is counted here, not in the replicas

    def save(name: str) -> None:
        begun.set_weights(trained.get_weights())
        folder.save(begun, name)

    folder.begin()
    checkpoints = Checkpoints(folder, trainer, setting.checkpoint_minutes, (flips,))

    def save_good() -> str | None:
        if not folder.checkpoints():
            return None
        checkpoints.restore()
        save(GOOD)
        return str(folder.folder / GOOD)

    checkpoints.restore()
    if checkpoints.epoch > stage.epochs:
        raise UserError(
            f"stage {stage.name!r} has {checkpoints.epoch} epochs behind it, and cannot end after {stage.epochs}; "
            "give at least as many (--epochs)."
        )
    checkpoints.begin()
    held_out = "test" if setting.dataset.validation is None else "validation"
    on_epoch = setting.on_epoch
    records = Records(
        folder,
        trained,
        checkpoints.epoch,
        held_out,
        save,
        None if on_epoch is None else lambda row: on_epoch(stage.name, row),
    )
    callbacks = [
        Finite(stage.learning_rate, save_good, scales_loss=scales),
        SignFlips(trained, flips, optimizer.iterations),
        _LearningRate(),
        *([_tensorboard(folder)] if setting.tensorboard and folder.is_chief else []),
        records,
        *setting.callbacks,
        checkpoints,
    ]
    with fused_gradients():
        _fit(trainer, stage, steps, checkpoints, callbacks, setting)
    save(MODEL)
    return records.rows


def steps_of_epoch(stage: Stage, setting: Setting) -> int:
    """Steps of an epoch; several replicas leave out what is left over, one takes a smaller batch at the end.

    # Raises
        ValueError: where the batch is larger than the data, or cannot be divided among the replicas.
    """
    size, batch, replicas = setting.dataset.train_size, stage.batch_size, setting.strategy.num_replicas_in_sync
    if batch > size:
        raise UserError(
            f"a batch of {batch} images is larger than the data: {setting.dataset.name!r} has {size} to train on; "
            f"give a batch size of {size} at most (--batch-size)."
        )
    if batch % replicas:
        raise UserError(
            f"a batch of {batch} images cannot be divided among {replicas} replicas; give a multiple (--batch-size)."
        )
    return -(-size // batch) if replicas == 1 else size // batch


def freeze(network: Model, patterns: tuple[str, ...]) -> None:
    """Takes layers out of the training: their weights stay, and BatchNorms use the statistics that they have.

    # Arguments
        network: a `tf.keras.Model`.
        patterns: of the layers' names, such as "stem_*".

    # Raises
        ValueError: where a pattern fits no layer, or no layer is left.
    """
    import fnmatch

    layers = leaf_layers(network)
    for pattern in patterns:
        found = [layer for layer in layers if fnmatch.fnmatchcase(layer.name, pattern)]
        if not found:
            names = ", ".join(repr(layer.name) for layer in layers[:4])
            raise UserError(f"no layer of {network.name!r} is called {pattern!r} (--freeze); it begins with {names}.")
        for layer in found:
            layer.trainable = False
    if not network.trainable_variables:
        raise UserError(f"every layer of {network.name!r} is frozen; leave one to be trained, such as the last.")


def _fit(
    trainer: Trainer, stage: Stage, steps: int, checkpoints: Checkpoints, callbacks: list[Any], setting: Setting
) -> None:
    """One call of Keras's `fit` an epoch, each with its own order of images; the first may be the rest of one."""
    size, data, share = image_size_of(trainer.network), setting.dataset, setting.share
    held_out = data.validation_batches(image_size=size)
    shown = 1 if setting.verbose == "auto" else setting.verbose
    together = _Together(callbacks, True, bool(shown), trainer, verbose=shown, epochs=stage.epochs, steps=steps)
    while checkpoints.epoch < stage.epochs and not trainer.stop_training:
        epoch, skip = checkpoints.epoch, checkpoints.step
        arguments: dict[str, Any] = {"image_size": size, "batch_size": stage.batch_size, "seed": setting.seed}
        batches = partial(data.epoch, epoch, policy=stage.augmentation, skip=skip, share=share, **arguments)
        several = share.workers * share.replicas > 1
        trainer.fit(
            setting.strategy.distribute_datasets_from_function(lambda _, of=batches: of()) if several else batches(),
            initial_epoch=epoch,
            epochs=epoch + 1,
            steps_per_epoch=steps - skip,
            validation_data=held_out,
            callbacks=together,
            verbose=shown,
        )
    together.end()


class _Together(keras.callbacks.CallbackList):
    """Callbacks for which the calls of `fit` are one training."""

    _has_begun = False

    def on_train_begin(self, logs: Any = None) -> None:
        """Begins at the first call."""
        if not self._has_begun:
            self._has_begun = True
            super().on_train_begin(logs)

    def on_train_end(self, logs: Any = None) -> None:
        """Does not end with one of the calls."""

    def end(self) -> None:
        """Ends after the last one."""
        if self._has_begun:
            super().on_train_end(None)


def _tensorboard(folder: StageFolder) -> Any:
    return keras.callbacks.TensorBoard(folder.folder / LOGS, write_graph=False, profile_batch=0)


class _LearningRate(keras.callbacks.Callback):
    """Adds the learning rate to the metrics of an epoch."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate.numpy())
