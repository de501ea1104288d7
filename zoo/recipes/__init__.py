"""Training recipes as data, one file a paper; `larq_el.training` carries them out."""

import types
from collections.abc import Mapping

from larq_el.zoo.recipes import (
    abc_net,
    bi_real,
    binarized,
    binary_e,
    ci_net,
    elastic_link,
    full_precision,
    mobinet,
    reactnet,
    real_to_binary,
    tbn,
    xnor_net,
    xnor_plus_plus,
)
from larq_el.zoo.recipes.elastic_link import ELASTIC_LINK
from larq_el.zoo.recipes.recipe import Recipe
from larq_el.zoo.recipes.stage import Losses, Optimizer, Schedule, Stage

_MODULES = (
    elastic_link,
    real_to_binary,
    reactnet,
    bi_real,
    binary_e,
    xnor_net,
    xnor_plus_plus,
    abc_net,
    tbn,
    ci_net,
    mobinet,
    full_precision,
    binarized,
)
RECIPES: Mapping[str, Recipe] = types.MappingProxyType(
    {recipe.name: recipe for module in _MODULES for recipe in module.RECIPES}
)
"""By the names that `larq-el train --recipe` takes."""

__all__ = ["ELASTIC_LINK", "RECIPES", "Losses", "Optimizer", "Recipe", "Schedule", "Stage"]
