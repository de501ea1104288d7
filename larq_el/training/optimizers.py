"""Learning rates and optimizers of a stage."""

import math
from typing import Any

from larq_el._keras import Tensor, keras, tf
from larq_el.zoo.recipes.stage import Schedule, Stage


@keras.utils.register_keras_serializable(package="larq_el")
class StageRate(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate of each step of a stage.

    # Arguments
        learning_rate: the largest one.
        steps: of the whole stage.
        kind, drops, drop_factors, warmup: see `larq_el.zoo.recipes.Schedule`.

    >>> [round(float(StageRate(1.0, 10, "linear", warmup=0.2)(step)), 3) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.125]
    """

    def __init__(
        self,
        learning_rate: float,
        steps: int,
        kind: str,
        drops: tuple[float, ...] = (),
        drop_factors: tuple[float, ...] = (),
        warmup: float = 0.0,
    ) -> None:
        self.learning_rate, self.steps, self.kind = learning_rate, steps, kind
        self.drops, self.drop_factors, self.warmup = tuple(drops), tuple(drop_factors), warmup

    def __call__(self, step: Tensor) -> Any:
        """The rate of a step, counted from 0."""
        step = tf.cast(step, tf.float32)
        warm = round(self.warmup * self.steps)
        rate: Any = tf.constant(self.learning_rate, tf.float32)
        if self.kind == "steps":
            for drop, factor in zip(self.drops, self.drop_factors, strict=True):
                rate = tf.where(step >= round(drop * self.steps), rate * factor, rate)
        else:
            done = tf.clip_by_value((step - warm) / max(1, self.steps - warm), 0.0, 1.0)
            rate *= 1.0 - done if self.kind == "linear" else 0.5 * (1.0 + tf.cos(math.pi * done))
        return tf.where(step < warm, self.learning_rate * (step + 1.0) / max(1, warm), rate)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("learning_rate", "steps", "kind", "drops", "drop_factors", "warmup")
        return {name: getattr(self, name) for name in names}


def learning_rate_schedule(stage: Stage, steps: int) -> StageRate:
    """The stage's learning rate over `steps` steps in all."""
    schedule: Schedule = stage.schedule
    return StageRate(stage.learning_rate, steps, schedule.kind, schedule.drops, schedule.drop_factors, schedule.warmup)


def optimizer_of(stage: Stage, steps: int, *, scales_loss: bool = False) -> Any:
    """The stage's optimizer.

    # Arguments
        stage: see `larq_el.zoo.recipes.Stage`.
        steps: of the whole stage.
        scales_loss: whether gradients are computed in float16, which is too coarse for small ones.
    """
    rate, settings = learning_rate_schedule(stage, steps), stage.optimizer
    if settings.name == "sgd":
        chosen = keras.optimizers.SGD(rate, settings.momentum, nesterov=True, global_clipnorm=settings.clip_norm)
    else:
        chosen = keras.optimizers.Adam(rate, global_clipnorm=settings.clip_norm)
    return keras.mixed_precision.LossScaleOptimizer(chosen) if scales_loss else chosen
