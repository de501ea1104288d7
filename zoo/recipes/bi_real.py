"""Bi-Real net's two recipes, https://arxiv.org/abs/1808.00278: from scratch, and fine-tuning in steps.

bi_real: the authors' PyTorch code: Adam, learning rate 1e-3 to 0 in a line, 256 epochs of 512 images,
RandomResizedCrop, latent weights in U[0, 1e-3]; nothing of it is in the paper's text.

bi_real_fine_tuning: the paper's section 3.3 and the authors' Caffe code: a float network whose activations go from
ReLU to a leaky clip to clip(x, -1, 1), then binary from its weights: SGD 0.9 without weight decay, 20 epochs of 128
images, 0.01 divided by 10 after 10 and 15. How long the float steps take is not published: 30, 10 and 10 epochs are
ours. The authors estimate the BatchNorms' statistics anew in one more epoch; here they follow all along.

Published ImageNet top-1: Bi-Real ResNet18 56.4, 34 62.2, 26 57.8, 50 62.7 (percent); others repeat 57.2 to 57.5 for 18.

    larq-el train bi_real_resnet18 --recipe bi_real --dataset imagenet2012 --output runs/bi_real_resnet18
"""

from dataclasses import replace

from larq_el.data.policy import Augmentation
from larq_el.zoo.recipes.recipe import Recipe
from larq_el.zoo.recipes.stage import Optimizer, Schedule, Stage

BI_REAL = Recipe(
    "bi_real",
    (
        Stage(
            "train",
            epochs=256,
            batch_size=512,
            learning_rate=1e-3,
            schedule=Schedule("linear", drops=()),
            augmentation=Augmentation("resized"),
            latent_range=(0.0, 1e-3),
        ),
    ),
    summary="From scratch: Adam, 256 epochs, linear.",
    models=("bi_real_*",),
)

_RELU = Stage(
    "relu",
    epochs=30,
    batch_size=128,
    learning_rate=0.01,
    level="relu",
    optimizer=Optimizer("sgd"),
    schedule=Schedule("steps", drops=(0.5, 0.75)),
)

BI_REAL_FINE_TUNING = Recipe(
    "bi_real_fine_tuning",
    (
        _RELU,
        replace(_RELU, name="leaky_clip", level="leaky_clip", start="relu", epochs=10),
        replace(_RELU, name="clip", level="clip", start="leaky_clip", epochs=10),
        replace(_RELU, name="binary", level="binary", start="clip", epochs=20),
    ),
    summary="ReLU, leaky clip, clip, binary: each step from the weights of the one before.",
    models=("bi_real_*",),
)

RECIPES = (BI_REAL, BI_REAL_FINE_TUNING)
