"""The public model functions, with the signature of `tf.keras.applications`."""

from collections.abc import Callable
from typing import Any

from larq_el.zoo.backbones import BACKBONES
from larq_el.zoo.factory import create_model, model_names
from larq_el.zoo.methods import ABLATIONS, METHODS, READINGS

ModelFunction = Callable[..., Any]

_DOC = """{title}: {summary}

    Published ImageNet top-1: {published}. Weights of our own are not published yet.

    >>> {title}(input_shape=(32, 32, 3), classes=10, width=0.25).output_shape
    (None, 10)

    # Arguments
        weights: None (random), the name of a published set, or the path of a weights file (`.npz`, `.h5`, `.keras`).
        include_top: whether the model ends in its classifier.
        input_shape: (H, W, 3) in pixels; (224, 224, 3) by default. Below 64 px the stem is a 3x3 with stride 1.
        input_tensor: a Keras tensor to use as the image.
        pooling: without the top: None (feature map), "avg" or "max".
        classes: number of classes.
        classifier_activation: activation of the classifier; None returns logits.
        width: multiplier of the channels.
        stride_on: "reduce" or "spatial", where a downsampling bottleneck has its stride.
        pad_values: what binary 3x3 convolutions pad with, 0 or 1.
        name: of the model.

    # Returns
        A `tf.keras.Model` of an image (N, H, W, 3), preprocessed by `larq_el.zoo.preprocess_input`.

    # Raises
        ValueError: where an argument has a value that is not allowed, or the weights do not fit.
    """


def _model_function(backbone_name: str, method_name: str) -> ModelFunction:
    backbone, method = BACKBONES[backbone_name], METHODS[method_name]

    def build(
        *,
        weights: str | None = None,
        include_top: bool = True,
        input_shape: tuple[int | None, int | None, int] | None = None,
        input_tensor: Any = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: str | None = "softmax",
        width: float = 1.0,
        stride_on: str = "reduce",
        pad_values: float = 0.0,
        name: str | None = None,
    ) -> Any:
        return create_model(
            backbone_name,
            method_name,
            weights=weights,
            include_top=include_top,
            input_shape=input_shape,
            input_tensor=input_tensor,
            pooling=pooling,
            classes=classes,
            classifier_activation=classifier_activation,
            width=width,
            stride_on=stride_on,
            pad_values=pad_values,
            name=name,
        )

    top1 = {**method.published, **dict.fromkeys(method.not_converged, '"Not Converge"')}.get(backbone_name)
    published = f"{top1} %" if isinstance(top1, float) else top1 or "none"
    build.__name__ = build.__qualname__ = f"{method.title}{backbone.title}"
    build.__doc__ = _DOC.format(title=build.__name__, summary=method.summary, published=published)
    return build


MODEL_FUNCTIONS = {
    function.__name__: function
    for backbone, method in model_names().values()
    if METHODS[method] not in (*ABLATIONS, *READINGS)
    for function in [_model_function(backbone, method)]
}
"""By name, such as "ELResNet26"; ablations and other readings are built by `create_model`."""
