"""TBN's recipe, ECCV 2018 (dnvtmf/TBN): the defaults of its authors' code, which is PyTorch's ImageNet example.

SGD 0.9, learning rate 0.1 divided by 10 after every 30 of 100 epochs, weight decay 1e-4, 256 images a step; whether the
published networks were trained by these defaults is not said.

Published ImageNet top-1: ResNet18 55.6, 34 58.2 (percent).

    larq-el train tbn_resnet18 --recipe tbn --dataset imagenet2012 --output runs/tbn_resnet18
"""

from dataclasses import replace

from larq_el.zoo.recipes.full_precision import FLOAT_STAGE
from larq_el.zoo.recipes.recipe import Recipe
from larq_el.zoo.recipes.stage import Schedule

TBN = Recipe(
    "tbn",
    (replace(FLOAT_STAGE, epochs=100, schedule=Schedule("steps", drops=(0.3, 0.6, 0.9))),),
    summary="SGD, 100 epochs, times 0.1 after every 30.",
    models=("tbn_*",),
)

RECIPES = (TBN,)
