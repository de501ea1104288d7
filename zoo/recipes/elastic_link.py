"""The recipe of Elastic-Link, https://arxiv.org/abs/2112.10149, "Training Details", and smaller ones after it.

From scratch, Adam without weight decay, 100 epochs of ImageNet with 256 images a step, learning rate 1e-3 divided by 10
after epochs 50 and 80; shorter edge to 256 px, random 224 px crop, horizontal flip, mean subtraction; plain STE. All of
it is in the paper's text; what the latent weights start from is not: Glorot's initial values are ours.

Published ImageNet top-1: EL-ResNet26 64.0, EL-ResNet50 65.6, EL-ResNet18 60.1, EL-ResNet34 63.2 (percent). The paper
names neither hardware nor hours, and we have not trained on ImageNet ourselves.

    larq-el train el_resnet26 --recipe elastic_link --dataset imagenet2012 --output runs/el_resnet26
    larq-el train el_resnet26 --recipe elastic_link_cifar10 --dataset cifar10 --width 0.25 --output runs/el_cifar10

The recipes for CIFAR-10 and Imagenette are ours: the same optimizer and schedule, smaller batches, fewer epochs, and a
learning rate that was chosen on a tenth of CIFAR-10's training images: how easily signs turn is what matters, a rate
ten times as high does the same as latent weights of a tenth (docs/training.md has the figures).
"""

from larq_el.zoo.recipes.recipe import Recipe
from larq_el.zoo.recipes.stage import Stage

ELASTIC_LINK = Recipe(
    "elastic_link",
    (Stage("train", epochs=100, batch_size=256, learning_rate=1e-3),),
    summary="The paper's: Adam, 100 epochs, learning rate divided by 10 after 50 and 80 of them.",
)

ELASTIC_LINK_CIFAR10 = Recipe(
    "elastic_link_cifar10",
    (Stage("train", epochs=20, batch_size=128, learning_rate=1e-2),),
    summary="elastic_link for CIFAR-10: 20 epochs of batch 128, learning rate 1e-2.",
)

ELASTIC_LINK_IMAGENETTE = Recipe(
    "elastic_link_imagenette",
    (Stage("train", epochs=60, batch_size=64, learning_rate=1e-2),),
    summary="elastic_link for some thousand images: 60 epochs of batch 64, learning rate 1e-2.",
)

RECIPES = (ELASTIC_LINK, ELASTIC_LINK_CIFAR10, ELASTIC_LINK_IMAGENETTE)
