"""BinaryE's recipe (Bethge et al.), https://arxiv.org/abs/1906.08637: the run of 56.7 % that the paper quotes.

Adam without weight decay, learning rate 1e-3 times 0.1 after 34 and 37 of 40 epochs, 256 images a step, gradient
clipped at 1. Source: the runs recorded in hpi-xnor/BMXNet-v2-wiki; the augmentation of this one is not recorded
(RandomResizedCrop is the code's later default, and the choice here).

Published ImageNet top-1: ResNet18 56.7, 34 59.5, 26 57.9, 50 61.2 (percent).

    larq-el train binary_e_resnet18 --recipe binary_e --dataset imagenet2012 --output runs/binary_e_resnet18
"""

from larq_el.data.policy import Augmentation
from larq_el.zoo.recipes.recipe import Recipe
from larq_el.zoo.recipes.stage import Schedule, Stage

BINARY_E = Recipe(
    "binary_e",
    (
        Stage(
            "train",
            epochs=40,
            batch_size=256,
            learning_rate=1e-3,
            schedule=Schedule("steps", drops=(34 / 40, 37 / 40)),
            augmentation=Augmentation("resized"),
        ),
    ),
    summary="Adam, 40 epochs, times 0.1 after 34 and 37.",
    models=("binary_e_*",),
)

RECIPES = (BINARY_E,)
