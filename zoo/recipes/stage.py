"""What a stage of a training is, as data."""

from dataclasses import dataclass, field
from typing import Any, Literal

from larq_el.data.policy import Augmentation
from larq_el.errors import UserError
from larq_el.levels import LEVELS

STUDENT, FLOAT, TEACHER = "student", "float", "teacher"
"""Names of `Stage.network`: the network that is trained for, its backbone in full precision; of a teacher that is
given."""


@dataclass(frozen=True)
class Losses:
    """The parts of a loss and their weights, which are summed; 0 leaves a part out.

    # Attributes
        cross_entropy: with the labels.
        label_smoothing: part of the probability that is spread over all classes.
        distillation: KL divergence from the teacher's to the student's probabilities, both at `temperature`, times its
            square (Hinton et al. 2015). With temperature 1 and no cross-entropy: ReActNet's distributional loss.
        temperature: logits are divided by it.
        attention: mean squared difference of the attention maps at the ends of all blocks that the networks share
            (Real-to-Binary): the mean over the channels of A^2, divided by its largest value in the image.
    """

    cross_entropy: float = 1.0
    label_smoothing: float = 0.0
    distillation: float = 0.0
    temperature: float = 1.0
    attention: float = 0.0

    def __post_init__(self) -> None:
        _check_not_negative(self, "cross_entropy", "label_smoothing", "distillation", "attention")
        _check_positive(self, "temperature")
        if not self.label_smoothing < 1:
            raise UserError(f"label_smoothing must be below 1, got {self.label_smoothing!r}.")
        if not self.cross_entropy + self.distillation + self.attention:
            raise UserError("a stage needs a loss: cross_entropy, distillation or attention above 0.")

    @property
    def needs_teacher(self) -> bool:
        """Whether a part of the loss is a comparison with a teacher."""
        return bool(self.distillation or self.attention)


@dataclass(frozen=True)
class Optimizer:
    """How weights follow their gradients.

    # Attributes
        name: "adam", or "sgd" with Nesterov's momentum.
        momentum: of "sgd".
        weight_decay: factor of a weight that is added to its gradient (L2, as PyTorch's `weight_decay`).
        decoupled: subtract learning rate * weight_decay * weight instead (AdamW).
        decays: patterns of the names of the weights that decay; biases, BatchNorms and gammas do not.
        clip_norm: norm that all gradients together have at most; None for any.
    """

    name: Literal["adam", "sgd"] = "adam"
    momentum: float = 0.9
    weight_decay: float = 0.0
    decoupled: bool = False
    decays: tuple[str, ...] = ("*/kernel", "*/depthwise_kernel", "*/pointwise_kernel")
    clip_norm: float | None = None

    def __post_init__(self) -> None:
        if self.name not in ("adam", "sgd"):
            raise UserError(f"the optimizer must be 'adam' or 'sgd', got {self.name!r}.")
        _check_not_negative(self, "weight_decay", "momentum")
        if self.clip_norm is not None:
            _check_positive(self, "clip_norm")


@dataclass(frozen=True)
class Schedule:
    """The learning rate over a stage.

    # Attributes
        kind: "steps", "cosine" (to 0) or "linear" (to 0).
        drops: of "steps": fractions of all steps after which the rate is multiplied by `drop_factor`.
        drop_factor: see `drops`; one number, or one for each drop.
        warmup: fraction of all steps over which the rate rises from 0 in a line.
    """

    kind: Literal["steps", "cosine", "linear"] = "steps"
    drops: tuple[float, ...] = (0.5, 0.8)
    drop_factor: float | tuple[float, ...] = 0.1
    warmup: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in ("steps", "cosine", "linear"):
            raise UserError(f"a schedule's kind must be 'steps', 'cosine' or 'linear', got {self.kind!r}.")
        if not all(0 < factor < float("inf") for factor in self.drop_factors):
            raise UserError(f"drop_factor must be above 0, got {self.drop_factor!r}.")
        if len(self.drop_factors) != len(self.drops):
            raise UserError(
                f"there must be one drop_factor for each of the drops {self.drops!r}, got {self.drop_factor!r}."
            )
        if any(not 0 < drop < 1 for drop in self.drops):
            raise UserError(f"drops must be fractions between 0 and 1 of the training, got {self.drops!r}.")
        if not 0 <= self.warmup < 1:
            raise UserError(f"warmup must be a fraction of the training, below 1, got {self.warmup!r}.")

    @property
    def drop_factors(self) -> tuple[float, ...]:
        """One for each of `drops`."""
        return self.drop_factor if isinstance(self.drop_factor, tuple) else (self.drop_factor,) * len(self.drops)


@dataclass(frozen=True)
class Stage:
    """One training of one network.

    # Attributes
        name: of its folder, and of what later stages take from it.
        epochs: passes over the training set.
        batch_size: images a step.
        learning_rate: the largest one.
        network: what is trained: "student", the network that the whole training is for; "float", its backbone in full
            precision; or a name of `larq_el.zoo.list_models()`.
        level: of binarization of a student, a name of `larq_el.levels.LEVELS`.
        start: the stage whose weights it starts from; None for initial ones.
        fresh: patterns of the names of weights that the stage `start` has no counterpart for, which start anew.
        teacher: the stage whose network teaches, or None. A teacher that the user gives takes the place of the stage
            "teacher", which is then left out.
        losses, optimizer, schedule, augmentation: see their classes.
        latent_scale: factor of the initial weights behind the binary kernels, where `start` is None.
        latent_range: these weights start uniformly distributed in this range instead.
        proposals: CI-Net: edges that are proposed before the first epoch.

    >>> Stage(epochs=0)
    Traceback (most recent call last):
      ...
    larq_el.errors.UserError: epochs must be above 0, got 0.
    """

    name: str = "train"
    epochs: int = 100
    batch_size: int = 256
    learning_rate: float = 1e-3
    network: str = STUDENT
    level: str = "binary"
    start: str | None = None
    fresh: tuple[str, ...] = ()
    teacher: str | None = None
    losses: Losses = field(default_factory=Losses)
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Schedule)
    augmentation: Augmentation = field(default_factory=Augmentation)
    latent_scale: float = 1.0
    latent_range: tuple[float, float] | None = None
    proposals: int = 0

    def __post_init__(self) -> None:
        _check_positive(self, "epochs", "batch_size", "learning_rate", "latent_scale")
        if self.level not in LEVELS:
            raise UserError(f"level must be one of {', '.join(LEVELS)}, got {self.level!r}.")
        if self.losses.needs_teacher and self.teacher is None:
            raise UserError(f"stage {self.name!r} compares with a teacher and names none; give it the name of a stage.")
        if self.latent_range is not None and not self.latent_range[0] < self.latent_range[1]:
            raise UserError(f"latent_range must be two numbers in order, got {self.latent_range!r}.")
        _check_not_negative(self, "proposals")


def _check_positive(owner: Any, *names: str) -> None:
    for name in names:
        if not 0 < getattr(owner, name) < float("inf"):
            raise UserError(f"{name} must be above 0, got {getattr(owner, name)!r}.")


def _check_not_negative(owner: Any, *names: str) -> None:
    for name in names:
        if not 0 <= getattr(owner, name) < float("inf"):
            raise UserError(f"{name} must be at least 0, got {getattr(owner, name)!r}.")
