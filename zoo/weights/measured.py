"""Accuracies that we measured ourselves, each with the command that measures it again."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """One training.

    # Attributes
        model: of `list_models()`.
        dataset: of TensorFlow Datasets.
        top1: of the Keras model, in percent of the whole test set.
        setting: what the model and the training were, in a few words.
        command: that trains it.
    """

    model: str
    dataset: str
    top1: float
    setting: str
    command: str


def _cifar10(model: str, top1: float) -> Measured:
    command = f"larq-el train {model} --dataset cifar10 --width 0.25 --epochs 12 --output runs/{model}"
    return Measured(model, "cifar10", top1, "width 0.25, 12 epochs of the paper's recipe", command)


MEASURED = (_cifar10("el_resnet26", 63.19), _cifar10("s_resnet26", 56.06))
