"""CI-Net's training and mining in turns, https://github.com/ZiweiWangTHU/CI-BCNN (its CIFAR-10 demo).

Without edges: Adam, 5e-3, 1e-3 from epoch 101, 5e-4 from 142, 1e-4 from 184, 1e-5 from 220, 256 images a step. Then, in
turns, edges are proposed and the network is trained for 50 epochs; the authors' code mines 450 epochs by a learned
policy, here as many edges are proposed at random and kept by its accept test (see
`larq_el.training.mine_interactions`). The length of the whole first part (240 epochs), three turns and their rate are
ours: the code names no end. No recipe for ImageNet is published.

Published ImageNet top-1: ResNet18 56.7, 34 62.4 (percent); CIFAR-10: above 89 before mining, with a network five times
as wide as ResNet-20.

    larq-el train ci_net_resnet18 --recipe ci_net --dataset cifar10 --width 0.25 --output runs/ci_net
"""

from larq_el.zoo.recipes.recipe import Recipe
from larq_el.zoo.recipes.stage import Schedule, Stage

_TRAIN = Stage(
    "train",
    epochs=240,
    batch_size=256,
    learning_rate=5e-3,
    schedule=Schedule("steps", drops=(100 / 240, 141 / 240, 183 / 240, 219 / 240), drop_factor=(0.2, 0.5, 0.2, 0.1)),
)


def _turn(number: int) -> Stage:
    return Stage(
        f"mined_{number}",
        epochs=50,
        batch_size=256,
        learning_rate=1e-4,
        start="train" if number == 1 else f"mined_{number - 1}",
        schedule=Schedule("steps", drops=(0.5,)),
        proposals=450,
    )


CI_NET = Recipe(
    "ci_net",
    (_TRAIN, *map(_turn, (1, 2, 3))),
    summary="240 epochs without interactions, then three turns of mining and 50 epochs.",
    models=("ci_net_*",),
)

RECIPES = (CI_NET,)
