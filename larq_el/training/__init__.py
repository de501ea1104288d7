"""Training: data, the loop that carries out a recipe, evaluation."""

from larq_el.training.data import ImageDataset, load_dataset
from larq_el.training.evaluation import top1
from larq_el.training.loop import TrainingResult, train

__all__ = ["ImageDataset", "TrainingResult", "load_dataset", "top1", "train"]
