"""XNOR-Net's recipe, https://arxiv.org/abs/1603.05279: that of its authors' AlexNet (allenai/XNOR-Net).

Adam, 55 epochs of 800 images, learning rate 1e-2, 5e-3 from epoch 19, 1e-3 from 30, 5e-4 from 44, 1e-4 from 53; weight
decay 5e-4 until epoch 29, none after it: two stages here, between which Adam's moments begin anew. Latent weights are
centred over the input channels and clipped after each step (`larq_el.quantizers.CentredWeightClip`). The authors
publish no recipe for their ResNet-18 (51.2 % in the paper).

    larq-el train xnor_resnet18 --recipe xnor_net --dataset imagenet2012 --output runs/xnor_resnet18
"""

from larq_el.zoo.recipes.recipe import Recipe
from larq_el.zoo.recipes.stage import Optimizer, Schedule, Stage

XNOR_NET = Recipe(
    "xnor_net",
    (
        Stage(
            "decayed",
            epochs=29,
            batch_size=800,
            learning_rate=1e-2,
            optimizer=Optimizer(weight_decay=5e-4),
            schedule=Schedule("steps", drops=(18 / 29,), drop_factor=0.5),
        ),
        Stage(
            "undecayed",
            epochs=26,
            batch_size=800,
            learning_rate=1e-3,
            start="decayed",
            schedule=Schedule("steps", drops=(14 / 26, 23 / 26), drop_factor=(0.5, 0.2)),
        ),
    ),
    summary="Adam, 55 epochs of batch 800, weight decay in the first 29.",
    models=("xnor_resnet*", "xnor_mobilenet"),
)

RECIPES = (XNOR_NET,)
