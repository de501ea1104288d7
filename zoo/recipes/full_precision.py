"""Full-precision baselines and teachers: the usual recipe of ResNets, https://arxiv.org/abs/1512.03385, section 3.4.

SGD with momentum 0.9, learning rate 0.1 divided by 10 after 30, 60 and 90 epochs' worth of ImageNet, weight decay 1e-4,
256 images a step; RandomResizedCrop and 90 epochs as PyTorch's example and torchvision's published weights have them.
The Elastic-Link paper does not say how its full-precision rows were trained (its figures are torchvision's and
Keras's).

Published ImageNet top-1: ResNet26 72.5, ResNet50 75.9, MobileNet 70.6, ResNet18 69.3, ResNet34 71.5 (percent).

    larq-el train resnet26 --recipe full_precision --dataset imagenet2012 --output runs/resnet26
    larq-el train resnet26 --recipe full_precision_cifar10 --dataset cifar10 --width 0.25 --output runs/float_cifar10
"""

from dataclasses import replace

from larq_el.data.policy import Augmentation
from larq_el.zoo.recipes.recipe import Recipe
from larq_el.zoo.recipes.stage import Optimizer, Schedule, Stage

SGD = Optimizer("sgd", weight_decay=1e-4)

FLOAT_STAGE = Stage(
    "train",
    epochs=90,
    batch_size=256,
    learning_rate=0.1,
    optimizer=SGD,
    schedule=Schedule("steps", drops=(1 / 3, 2 / 3)),
    augmentation=Augmentation("resized"),
)
SMALL_FLOAT_STAGE = replace(
    FLOAT_STAGE,
    epochs=20,
    batch_size=128,
    optimizer=Optimizer("sgd", weight_decay=5e-4),
    schedule=Schedule("cosine", drops=(), warmup=0.1),
    augmentation=Augmentation(),
)
"""Ours, with the weight decay that is usual for CIFAR-10."""

FULL_PRECISION = Recipe(
    "full_precision",
    (FLOAT_STAGE,),
    summary="Float networks: SGD, 90 epochs, learning rate 0.1 divided by 10 after each third.",
    models=("resnet*", "mobilenet"),
)
FULL_PRECISION_CIFAR10 = replace(
    FULL_PRECISION,
    name="full_precision_cifar10",
    stages=(SMALL_FLOAT_STAGE,),
    summary="full_precision for CIFAR-10: SGD, 20 epochs, cosine.",
)

RECIPES = (FULL_PRECISION, FULL_PRECISION_CIFAR10)
