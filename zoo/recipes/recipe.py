"""What a recipe says."""

from dataclasses import dataclass

from larq_el.errors import UserError


@dataclass(frozen=True)
class Recipe:
    """How a model is trained: Adam with a learning rate that is divided at given points.

    # Attributes
        name: of `larq-el train --recipe`.
        epochs: passes over the training set.
        batch_size: images a step.
        learning_rate: of the first step.
        drops: fractions of all steps after which the learning rate is multiplied by `drop_factor`.
        drop_factor: see `drops`.

    >>> Recipe("short", epochs=0)
    Traceback (most recent call last):
      ...
    larq_el.errors.UserError: epochs must be above 0, got 0.
    """

    name: str
    epochs: int = 100
    batch_size: int = 256
    learning_rate: float = 1e-3
    drops: tuple[float, ...] = (0.5, 0.8)
    drop_factor: float = 0.1

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate", "drop_factor"):
            value = getattr(self, name)
            if not value > 0:
                raise UserError(f"{name} must be above 0, got {value!r}.")
        if any(not 0 < drop < 1 for drop in self.drops):
            raise UserError(f"drops must be fractions between 0 and 1 of the training, got {self.drops!r}.")
