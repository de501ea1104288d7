"""XNOR-Net++'s recipe, https://arxiv.org/abs/1909.13863.

Adam, learning rate 1e-3, weight decay 1e-5, 256 images a step (a reimplementation, legolas123/cv-tricks.com, agrees
with the paper's abstract); 80 epochs with a tenth of the rate after every 25 is from memory of the paper, and
unconfirmed.

Published ImageNet top-1: ResNet18 57.1 (percent); the reimplementation reaches 55.8 to 57.6, by the kind of its
downsampling shortcuts.

    larq-el train xnor_plus_plus_resnet18 --recipe xnor_plus_plus --dataset imagenet2012 --output runs/xnor_plus_plus
"""

from larq_el.data.policy import Augmentation
from larq_el.zoo.recipes.recipe import Recipe
from larq_el.zoo.recipes.stage import Optimizer, Schedule, Stage

XNOR_PLUS_PLUS = Recipe(
    "xnor_plus_plus",
    (
        Stage(
            "train",
            epochs=80,
            batch_size=256,
            learning_rate=1e-3,
            optimizer=Optimizer(weight_decay=1e-5),
            schedule=Schedule("steps", drops=(25 / 80, 50 / 80, 75 / 80)),
            augmentation=Augmentation("resized"),
        ),
    ),
    summary="Adam, 80 epochs, times 0.1 after every 25.",
    models=("xnor_plus_plus_*",),
)

RECIPES = (XNOR_PLUS_PLUS,)
