"""Training: data, the loop that carries out a recipe, evaluation. Each part is loaded when it is first used."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from larq_el.data.dataset import ImageDataset
    from larq_el.data.load import load_dataset
    from larq_el.evaluation import top1
    from larq_el.training.interactions import Mined, mine_interactions
    from larq_el.training.loop import TrainingResult, train
    from larq_el.training.networks import networks_of
    from larq_el.training.resuming import resume_training

_HOMES = {
    "ImageDataset": "data.dataset",
    "Mined": "training.interactions",
    "TrainingResult": "training.loop",
    "load_dataset": "data.load",
    "mine_interactions": "training.interactions",
    "networks_of": "training.networks",
    "resume_training": "training.resuming",
    "top1": "evaluation",
    "train": "training.loop",
}

__all__ = [
    "ImageDataset",
    "Mined",
    "TrainingResult",
    "load_dataset",
    "mine_interactions",
    "networks_of",
    "resume_training",
    "top1",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"larq_el.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'larq_el.training' has no attribute {name!r}; it has {', '.join(__all__)}")
