"""Models by name: a backbone (widths, strides, roles of convolutions) times a method (what a convolution is made of).

from larq_el import zoo

zoo.ELResNet26(input_shape=(224, 224, 3))         # Keras style
zoo.create_model("resnet26", method="el")         # the same, by name
zoo.list_models("*resnet26*")
"""

if __name__ != "larq_el.zoo":
    raise ImportError(
        f"this package is larq_el.zoo and was imported as {__name__!r}, which would register its Keras objects twice: "
        "write `from larq_el import zoo`."
    )

from larq_el.data.preprocessing import decode_predictions, preprocess_input
from larq_el.errors import closest
from larq_el.zoo.diagram import block_diagram
from larq_el.zoo.factory import create_model, describe, list_models
from larq_el.zoo.methods import METHODS, Method, Unit
from larq_el.zoo.models import MODEL_FUNCTIONS, ModelFunction
from larq_el.zoo.weights.loading import load_weights
from larq_el.zoo.weights.packed import PackedReport, save_weights
from larq_el.zoo.weights.published import PUBLISHED, PublishedWeights

globals().update(MODEL_FUNCTIONS)


def __getattr__(name: str) -> ModelFunction:
    """Only for names that do not exist: the functions of `MODEL_FUNCTIONS` are attributes of this package."""
    raise AttributeError(f"larq_el.zoo has no {name!r}; {closest(name, MODEL_FUNCTIONS)}")


__all__ = [
    "METHODS",
    "MODEL_FUNCTIONS",
    "PUBLISHED",
    "Method",
    "PackedReport",
    "PublishedWeights",
    "Unit",
    "block_diagram",
    "create_model",
    "decode_predictions",
    "describe",
    "list_models",
    "load_weights",
    "preprocess_input",
    "save_weights",
    *MODEL_FUNCTIONS,
]
