"""What happens beside the steps of a stage: checkpoints, metrics, a watch over numbers that are none."""

from larq_el.training.callbacks.checkpoints import Checkpoints
from larq_el.training.callbacks.finite import Finite
from larq_el.training.callbacks.records import Records
from larq_el.training.callbacks.signs import SignFlips

__all__ = ["Checkpoints", "Finite", "Records", "SignFlips"]
