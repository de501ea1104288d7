"""One step of a stage: forward, the stage's loss, backward, update."""

import fnmatch
from typing import Any

from larq_el._keras import Model, keras, tf
from larq_el.training.distillation import (
    attention_loss,
    check_teacher,
    distillation_loss,
    logits_of,
    shared_ends,
)
from larq_el.training.transfer import weight_names
from larq_el.zoo.recipes.stage import Losses, Optimizer

TOP = 5
"""Of the top-5 accuracy."""


class Trainer(keras.Model):
    """A network with what its loss needs, for Keras's `fit`.

    # Arguments
        network: the `tf.keras.Model` to train, with probabilities (N, classes) as its output.
        losses, settings: of the stage.
        teacher: a `tf.keras.Model` of the same images and classes, where the losses need one.

    # Raises
        ValueError: where the teacher has other images or classes, or no block to compare attention maps at.
    """

    def __init__(self, network: Model, losses: Losses, settings: Optimizer, teacher: Model | None = None) -> None:
        super().__init__(name=f"{network.name}_trainer")
        self.network, self.losses_of_stage, self.settings = network, losses, settings
        self.teaching: Any = None
        ours: list[Any] = []
        if teacher is not None and losses.needs_teacher:
            check_teacher(network, teacher)
            pairs = shared_ends(network, teacher) if losses.attention else []
            ours = [end for end, _ in pairs]
            self.teaching = keras.Model(teacher.inputs, [logits_of(teacher), *(end for _, end in pairs)])
            self.teaching.trainable = False
        self.taught: Any = keras.Model(network.inputs, [logits_of(network), *ours])
        self.decayed = [
            any(fnmatch.fnmatchcase(name, pattern) for pattern in settings.decays)
            for name in weight_names(network, network.trainable_variables)
        ]
        classes = network.output_shape[-1]
        self.tracked = {name: keras.metrics.Mean(name) for name in ("loss", *self._parts(), "gradient_norm")}
        self.tracked["accuracy"] = keras.metrics.SparseCategoricalAccuracy("accuracy")
        if classes > TOP:
            self.tracked["top5"] = keras.metrics.SparseTopKCategoricalAccuracy(TOP, "top5")

    def _parts(self) -> list[str]:
        """The names of the loss's parts, where there are several."""
        names = [name for name in ("cross_entropy", "distillation", "attention") if getattr(self.losses_of_stage, name)]
        return names if len(names) > 1 else []

    @property
    def metrics(self) -> list[Any]:
        """Reset by Keras before each epoch."""
        return list(self.tracked.values())

    @property
    def trainable_variables(self) -> list[Any]:
        """The network's alone."""
        return self.network.trainable_variables

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The network's probabilities."""
        return self.network(inputs, training=training)

    def _parts_of(self, labels: Any, ours: list[Any], theirs: list[Any]) -> dict[str, Any]:
        """Each part of the loss, (N,), with its weight."""
        weights = self.losses_of_stage
        parts = {}
        if weights.cross_entropy:
            parts["cross_entropy"] = weights.cross_entropy * _cross_entropy(labels, ours[0], weights.label_smoothing)
        if weights.distillation:
            parts["distillation"] = weights.distillation * distillation_loss(ours[0], theirs[0], weights.temperature)
        if weights.attention:
            parts["attention"] = weights.attention * attention_loss(ours[1:], theirs[1:])
        return parts

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step; called by Keras with a batch (images, labels)."""
        images, labels = data
        theirs = [] if self.teaching is None else _as_list(self.teaching(images, training=False))
        variables = self.trainable_variables
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        scales = hasattr(self.optimizer, "get_scaled_loss")
        with tf.GradientTape() as tape:
            ours = _as_list(self.taught(images, training=True))
            parts = {name: tf.reduce_mean(part) for name, part in self._parts_of(labels, ours, theirs).items()}
            loss = tf.add_n([*parts.values(), *(tf.cast(loss, tf.float32) for loss in self.network.losses)])
            # gradients are summed over replicas, each of which has its part of the batch
            objective = loss / replicas
            objective = self.optimizer.get_scaled_loss(objective) if scales else objective
        gradients = tape.gradient(objective, variables)
        gradients = self.optimizer.get_unscaled_gradients(gradients) if scales else gradients
        norm = tf.linalg.global_norm([gradient for gradient in gradients if gradient is not None]) * replicas
        self.optimizer.apply_gradients(zip(self._with_decay(gradients, variables, replicas), variables, strict=True))
        self.tracked["loss"].update_state(loss)
        self.tracked["gradient_norm"].update_state(norm)
        for name, part in parts.items():
            if name in self.tracked:
                self.tracked[name].update_state(part)
        return self._measured(labels, ours[0], ("loss", "gradient_norm", *self._parts()))

    def _with_decay(self, gradients: list[Any], variables: list[Any], replicas: int) -> list[Any]:
        decay = self.settings.weight_decay
        if not decay:
            return gradients
        if self.settings.decoupled:
            for variable, decays in zip(variables, self.decayed, strict=True):
                if decays:
                    variable.assign_sub(variable * self.optimizer.learning_rate * decay)
            return gradients
        return [
            gradient + decay / replicas * variable if decays and gradient is not None else gradient
            for gradient, variable, decays in zip(gradients, variables, self.decayed, strict=True)
        ]

    def test_step(self, data: Any) -> dict[str, Any]:
        """The cross-entropy and accuracy of a batch (images, labels)."""
        images, labels = data
        logits = _as_list(self.taught(images, training=False))[0]
        # batches may differ in size: each image counts once
        self.tracked["loss"].update_state(_cross_entropy(labels, logits, 0.0))
        return self._measured(labels, logits, ("loss",))

    def _measured(self, labels: Any, logits: Any, others: tuple[str, ...]) -> dict[str, Any]:
        names = [name for name in ("accuracy", "top5") if name in self.tracked]
        for name in names:
            self.tracked[name].update_state(labels, logits)
        return {name: self.tracked[name].result() for name in (*others, *names)}


def _cross_entropy(labels: Any, logits: Any, smoothing: float) -> Any:
    logits = tf.cast(logits, tf.float32)
    if not smoothing:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    classes = logits.shape[-1]
    wanted = tf.one_hot(labels, classes) * (1.0 - smoothing) + smoothing / classes
    return tf.nn.softmax_cross_entropy_with_logits(wanted, logits)


def _as_list(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]
