"""MoBiNet, https://arxiv.org/abs/1907.12629: trained from scratch, by a recipe that is in no source that we have.

The numbers are therefore Elastic-Link's (Adam, 100 epochs, 1e-3 divided by 10 after 50 and 80), and say nothing of the
published 54.4 %.

    larq-el train mobinet_mid --recipe mobinet --dataset imagenet2012 --output runs/mobinet
"""

from dataclasses import replace

from larq_el.zoo.recipes.elastic_link import ELASTIC_LINK
from larq_el.zoo.recipes.recipe import Recipe

MOBINET: Recipe = replace(
    ELASTIC_LINK,
    name="mobinet",
    summary="elastic_link's numbers; MoBiNet's own are not published.",
    models=("mobinet_*",),
)

RECIPES = (MOBINET,)
