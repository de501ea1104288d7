"""Real-to-Binary's four stages, https://arxiv.org/abs/2003.11535, which the paper's EL-dagger rows are trained by.

    teacher       the backbone in full precision: SGD 0.1, cosine, 5 epochs of warm-up, 100 epochs, batch 512
    tanh          the network with tanh in the place of its signs and float weights, taught by `teacher`
    activations   binary activations, float weights, taught by `tanh`
    binary        binary, from the weights of `activations`, which teaches it too

Stages 2 to 4: Adam, 75 epochs, batch 256, 5 epochs of warm-up, times 0.3 after 40, 60 and 70; 1e-3, and 2e-4 in the
last one; L2 of 1e-5 but in the last one. Losses: cross-entropy, 3 times the output's distillation and 30 times that of
the attention maps; 0.8 and no maps in the last one. Source: larq/zoo `multi_stage_experiments.py` (2025-12), whose
authors say that it is not the exact set-up of the paper's (larq/zoo#233); only its last stage starts from another's
weights. For other backbones than ResNet-18, and for EL-dagger, the teacher and the numbers are the same here by
inference.

Published ImageNet top-1: Real-to-Binary ResNet18 65.4, 26 64.8, 50 65.9, MobileNet 54.8; EL-dagger ResNet26 67.1, 50
68.9, 18 65.7, 34 66.5, MobileNet 61.2 (percent). Cost: 325 epochs in all, and a teacher beside each of 225.

    larq-el train el_dagger_resnet26 --recipe real_to_binary --dataset imagenet2012 --output runs/el_dagger_resnet26
    larq-el train real_to_bin_resnet18 --recipe real_to_binary_cifar10 --dataset cifar10 --width 0.25 --output runs/r2b

The version for CIFAR-10 is ours: 10 epochs a stage, batch 128, and 1e-3 in the last stage too. No BatchNorm follows the
convolutions of a Real-to-Binary network, so that their outputs grow when small float kernels become signs, and 10
epochs at 2e-4 do not undo that: 50.2 % from an `activations` stage of 78.9 %, where 6 epochs at 1e-3 give 62.0 % (one
seed, width 0.25).
"""

from dataclasses import replace

from larq_el.data.policy import Augmentation
from larq_el.zoo.recipes.full_precision import FLOAT_STAGE, SMALL_FLOAT_STAGE
from larq_el.zoo.recipes.recipe import Recipe
from larq_el.zoo.recipes.stage import FLOAT, TEACHER, Losses, Optimizer, Schedule, Stage

TEACHER_STAGE = replace(
    FLOAT_STAGE,
    name=TEACHER,
    network=FLOAT,
    epochs=100,
    batch_size=512,
    schedule=Schedule("cosine", drops=(), warmup=0.05),
)
TANH = Stage(
    "tanh",
    epochs=75,
    batch_size=256,
    learning_rate=1e-3,
    level="tanh",
    teacher=TEACHER,
    losses=Losses(distillation=3.0, attention=30.0),
    optimizer=Optimizer(weight_decay=1e-5),
    schedule=Schedule("steps", drops=(40 / 75, 60 / 75, 70 / 75), drop_factor=0.3, warmup=5 / 75),
    augmentation=Augmentation("resized"),
)
ACTIVATIONS = replace(TANH, name="activations", level="binary_activations", teacher="tanh")
BINARY = replace(
    TANH,
    name="binary",
    level="binary",
    learning_rate=2e-4,
    start="activations",
    teacher="activations",
    losses=Losses(distillation=0.8),
    optimizer=Optimizer(),
)

REAL_TO_BINARY = Recipe(
    "real_to_binary",
    (TEACHER_STAGE, TANH, ACTIVATIONS, BINARY),
    summary="Four stages: float teacher, tanh, binary activations, binary; attention maps and outputs are taught.",
    models=("real_to_bin_*", "el_dagger_*"),
)
REAL_TO_BINARY_CIFAR10 = replace(
    REAL_TO_BINARY,
    name="real_to_binary_cifar10",
    stages=(
        replace(SMALL_FLOAT_STAGE, name=TEACHER, network=FLOAT, epochs=10),
        *(replace(stage, epochs=10, batch_size=128, learning_rate=1e-3) for stage in (TANH, ACTIVATIONS, BINARY)),
    ),
    summary="real_to_binary for CIFAR-10: 10 epochs a stage, batch 128, 1e-3 throughout.",
)

RECIPES = (REAL_TO_BINARY, REAL_TO_BINARY_CIFAR10)
