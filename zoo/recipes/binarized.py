"""For networks that `larq_el.binarize` made, taught by the float network that they were made of.

    activations   binary activations and float weights, which start from the float network's
    binary        binary, from the weights of `activations`

Two steps, as Real-to-Binary (https://arxiv.org/abs/2003.11535) and ReActNet (https://arxiv.org/abs/2003.03488) have
them; the teacher is the float network itself, and both steps learn from its probabilities and from labels. Numbers are
ours, for some thousand images: Adam, 1e-3 to 0 along a cosine, for the binary step 5e-3, as it is signs that have to
turn.

    larq-el binarize mine.keras -o binary.keras
    larq-el train binary.keras --recipe binarized --dataset flowers --output runs/flowers
"""

from dataclasses import replace

from larq_el.zoo.recipes.recipe import Recipe
from larq_el.zoo.recipes.stage import TEACHER, Losses, Schedule, Stage

ACTIVATIONS = Stage(
    "activations",
    epochs=20,
    batch_size=64,
    learning_rate=1e-3,
    level="binary_activations",
    teacher=TEACHER,
    losses=Losses(distillation=1.0, temperature=2.0),
    schedule=Schedule("cosine", drops=()),
)

BINARIZED = Recipe(
    "binarized",
    (ACTIVATIONS, replace(ACTIVATIONS, name="binary", level="binary", start="activations", learning_rate=5e-3)),
    summary="What `larq-el binarize` made, taught by its float network: binary activations, then binary.",
    models=(),
)

RECIPES = (BINARIZED,)
