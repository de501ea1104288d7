"""ReActNet's two steps, https://arxiv.org/abs/2003.03488, section 5.1, for ReActNet-A, C, EL-ReActNet-C and ResNet-18.

    teacher       ResNet-34 in full precision (the authors take torchvision's weights: give them as --teacher)
    activations   binary activations and float weights: Adam, weight decay 1e-5 on convolutions
    binary        binary, from the weights of `activations`: the same without weight decay

Both steps: learning rate 5e-4, to 0 in a line, 600,000 steps of 256 images (120 epochs), the distributional loss alone:
the divergence of the student's probabilities from the teacher's, without labels. RandomResizedCrop of at least 0.08 of
the area, lighting 0.1, flip. Latent weights start in U[0, 1e-3]. Sources: the paper for rate and steps, the authors'
code (liuzechun/ReActNet) for the others; their `run.sh` has 1.25e-3 and 128 epochs. Their loader loses most weights
between the steps by a difference of names; here all are handed on.

Published ImageNet top-1: ReActNet-A 69.5, C 71.4, EL-ReActNet-C 71.9, ReAct-ResNet18 65.9 (percent). Others report 63
for the latter (issues of the repository). Cost: 240 epochs, and ResNet-34 beside each.

    larq-el train el_reactnet_c --recipe reactnet --teacher resnet34.keras --dataset imagenet2012 --output runs/react
    larq-el train react_resnet18 --recipe reactnet_cifar10 --dataset cifar10 --width 0.25 --output runs/react_cifar10

The version for CIFAR-10 is ours: 10 epochs a step, batch 128, its teacher ResNet-34 of the same width.
"""

from dataclasses import replace

from larq_el.data.policy import Augmentation
from larq_el.zoo.recipes.full_precision import FLOAT_STAGE, SMALL_FLOAT_STAGE
from larq_el.zoo.recipes.recipe import Recipe
from larq_el.zoo.recipes.stage import TEACHER, Losses, Optimizer, Schedule, Stage

ACTIVATIONS = Stage(
    "activations",
    epochs=120,
    batch_size=256,
    learning_rate=5e-4,
    level="binary_activations",
    teacher=TEACHER,
    losses=Losses(cross_entropy=0.0, distillation=1.0),
    optimizer=Optimizer(weight_decay=1e-5),
    schedule=Schedule("linear", drops=()),
    augmentation=Augmentation("resized", lighting=0.1),
    latent_range=(0.0, 1e-3),
)
BINARY = replace(ACTIVATIONS, name="binary", level="binary", start="activations", optimizer=Optimizer())

REACTNET = Recipe(
    "reactnet",
    (replace(FLOAT_STAGE, name=TEACHER, network="resnet34"), ACTIVATIONS, BINARY),
    summary="Two steps, binary activations, then binary; a ResNet-34's probabilities in the place of labels.",
    models=("react*", "el_react*"),
)
REACTNET_CIFAR10 = replace(
    REACTNET,
    name="reactnet_cifar10",
    stages=(
        replace(SMALL_FLOAT_STAGE, name=TEACHER, network="resnet34", epochs=10),
        *(replace(stage, epochs=10, batch_size=128, learning_rate=1e-3) for stage in (ACTIVATIONS, BINARY)),
    ),
    summary="reactnet for CIFAR-10: 10 epochs a step, batch 128.",
)

RECIPES = (REACTNET, REACTNET_CIFAR10)
