"""Training: data, the loop that carries out a recipe, evaluation."""

from larq_el.data.dataset import ImageDataset
from larq_el.data.load import load_dataset
from larq_el.evaluation import top1
from larq_el.training.interactions import Mined, mine_interactions
from larq_el.training.loop import TrainingResult, train

__all__ = ["ImageDataset", "Mined", "TrainingResult", "load_dataset", "mine_interactions", "top1", "train"]
