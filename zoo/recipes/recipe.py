"""What a recipe is: stages in sequence."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from larq_el.data.policy import Augmentation
from larq_el.errors import UserError, closest
from larq_el.zoo.recipes.stage import TEACHER, Losses, Optimizer, Schedule, Stage

QUICK_IMAGES, QUICK_BATCH = 512, 64
"""What a stage of a quick training sees, once."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: stages in sequence, each a training of its own.

    # Attributes
        name: of `larq-el train --recipe`.
        stages: the last one gives the network.
        summary: one sentence for lists.
        models: shell patterns of the models of the zoo that it was made for; others may be trained with it too.

    # Raises
        ValueError: where there is no stage, two have one name, or one takes something from a stage that is not before
            it.

    >>> Recipe("short", (Stage("float", level="tanh"), Stage("binary", start="flaot")))
    Traceback (most recent call last):
      ...
    larq_el.errors.UserError: stage 'binary' takes weights from 'flaot', and there is no such stage before it...
    """

    name: str
    stages: tuple[Stage, ...]
    summary: str = ""
    models: tuple[str, ...] = ("*",)

    def __post_init__(self) -> None:
        if not self.stages:
            raise UserError(f"recipe {self.name!r} has no stages.")
        before: list[str] = []
        for stage in self.stages:
            if not re.fullmatch(r"[a-z0-9_]+", stage.name) or stage.name in before:
                raise UserError(
                    f"stages must have different names of small letters, digits and _, got {stage.name!r} in recipe "
                    f"{self.name!r}."
                )
            for what, source in (("weights", stage.start), ("a teacher", stage.teacher)):
                if source is not None and source not in before and source != TEACHER:
                    raise UserError(
                        f"stage {stage.name!r} takes {what} from {source!r}, and there is no such stage before it; "
                        f"{closest(source, before) if before else 'it is the first stage'}"
                    )
            before.append(stage.name)

    def stage(self, name: str) -> Stage:
        """The stage of a name.

        # Raises
            ValueError: where there is none.
        """
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise UserError(
            f"recipe {self.name!r} has no stage {name!r}; {closest(name, [stage.name for stage in self.stages])}"
        )

    def changed(self, **changes: Mapping[str, Any] | float | None) -> "Recipe":
        """The recipe with other numbers.

        # Arguments
            changes: numbers of `Stage`, such as `epochs`, `batch_size` and `learning_rate`: one for all stages, or a
                mapping from stages' names to theirs; None changes nothing.

        >>> Recipe("short", (Stage("a"), Stage("b", start="a"))).changed(epochs={"b": 3}).stages[1].epochs
        3
        """
        stages = {stage.name: stage for stage in self.stages}
        for what, value in changes.items():
            numbers: Mapping[str, Any] = value if isinstance(value, Mapping) else dict.fromkeys(stages, value)
            for name, number in numbers.items():
                self.stage(name)
                if number is not None:
                    change: dict[str, Any] = {what: number}
                    stages[name] = replace(stages[name], **change)
        return replace(self, stages=tuple(stages.values()))

    def taught(self) -> "Recipe":
        """The recipe for a teacher that is there already: without the stage that trains one.

        # Raises
            ValueError: where it has no teacher at all.
        """
        if not any(stage.teacher == TEACHER for stage in self.stages):
            raise UserError(f"recipe {self.name!r} has no teacher; leave the teacher out, or choose another recipe.")
        return replace(self, stages=tuple(stage for stage in self.stages if stage.name != TEACHER))

    def quick(self) -> "Recipe":
        """The recipe in minutes: one epoch a stage; together with a few images of the data set."""
        return replace(
            self,
            stages=tuple(
                replace(
                    stage,
                    epochs=1,
                    batch_size=min(stage.batch_size, QUICK_BATCH),
                    proposals=min(stage.proposals, 3),
                )
                for stage in self.stages
            ),
        )


def recipe_from(name: str, stages: list[dict[str, Any]]) -> Recipe:
    """The recipe of stages that were written as JSON by `dataclasses.asdict`.

    # Arguments
        name: of the recipe.
        stages: as they were read.

    # Raises
        ValueError: where they are none.

    >>> from dataclasses import asdict
    >>> recipe_from("short", [asdict(Stage(epochs=3))]).stages[0].epochs
    3
    """
    parts = {"losses": Losses, "optimizer": Optimizer, "schedule": Schedule, "augmentation": Augmentation}
    try:
        read = []
        for stage in stages:
            values = {key: parts[key](**_tuples(value)) if key in parts else value for key, value in stage.items()}
            read.append(Stage(**_tuples(values)))
        return Recipe(name, tuple(read))
    except (TypeError, AttributeError, KeyError) as error:
        raise UserError(f"the stages of recipe {name!r} cannot be read ({error}); write them anew.") from error


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
