"""ABC-Net's recipe, https://arxiv.org/abs/1711.11294: fine-tuned from a float network.

The paper starts from the full-precision network's weights; its optimizer and number of epochs are in no source that we
have. The fine-tuning is that of a reimplementation (ZH: zhuyinheng/ABC-Net-pytorch): Adam 1e-3, weight decay 1e-5, 50
epochs, with a rate that falls in a line (ours). Scales and shifts of the bases have no counterpart in a float network.

Published ImageNet top-1, one base each: ResNet18 42.7, 34 52.4, 26 45.2, 50 52.9 (percent).

    larq-el train abc_resnet18 --recipe abc_net --dataset imagenet2012 --output runs/abc_resnet18
"""

from dataclasses import replace

from larq_el.data.policy import Augmentation
from larq_el.zoo.recipes.full_precision import FLOAT_STAGE
from larq_el.zoo.recipes.recipe import Recipe
from larq_el.zoo.recipes.stage import FLOAT, Optimizer, Schedule, Stage

ABC_NET = Recipe(
    "abc_net",
    (
        replace(FLOAT_STAGE, name="float", network=FLOAT),
        Stage(
            "binary",
            epochs=50,
            batch_size=256,
            learning_rate=1e-3,
            start="float",
            fresh=("*_shifts/*", "*/scales"),
            optimizer=Optimizer(weight_decay=1e-5),
            schedule=Schedule("linear", drops=()),
            augmentation=Augmentation("resized"),
        ),
    ),
    summary="The float network, then binary from its weights.",
    models=("abc_*",),
)

RECIPES = (ABC_NET,)
