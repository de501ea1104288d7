"""Training recipes as data, one file a recipe; `larq_el.training` carries them out."""

from larq_el.zoo.recipes.elastic_link import ELASTIC_LINK
from larq_el.zoo.recipes.recipe import Recipe

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (ELASTIC_LINK,)}

__all__ = ["ELASTIC_LINK", "RECIPES", "Recipe"]
