"""Builds a model from the names of its backbone and its method."""

import fnmatch
from dataclasses import asdict, fields, replace
from math import inf
from numbers import Integral, Real
from typing import Any

from larq_el._keras import Tensor, keras
from larq_el.errors import UserError, closest
from larq_el.zoo.backbones import BACKBONES, Backbone, Options
from larq_el.zoo.methods import METHODS, Method
from larq_el.zoo.same import same_as
from larq_el.zoo.weights.loading import load_weights
from larq_el.zoo.weights.measured import MEASURED

POOLINGS = {"avg": keras.layers.GlobalAveragePooling2D, "max": keras.layers.GlobalMaxPooling2D}


def model_names() -> dict[str, tuple[str, str]]:
    """Every model's name, with the names of its backbone and method."""
    return {
        _name(backbone, method): (backbone.name, method.name)
        for method in METHODS.values()
        for backbone in BACKBONES.values()
        if backbone.roles <= method.units.keys() and (method.listed is None or backbone.name in method.listed)
    }


def list_models(pattern: str = "*") -> list[str]:
    """Names of the models, for `create_model`.

    # Arguments
        pattern: shell pattern that a name has to match.

    >>> list_models("el_resnet*")
    ['el_resnet18', 'el_resnet26', 'el_resnet34', 'el_resnet50']
    """
    return sorted(fnmatch.filter(model_names(), pattern))


def describe(name: str) -> dict[str, Any]:
    """What is published of a model, and what we measured.

    # Arguments
        name: of `list_models()`.

    # Returns
        name, backbone, method, summary, source (where in the paper), top1, its ImageNet top-1 in percent as published
        (None where it has none), not_converged, whether "Not Converge" was published in its place, same_as, the names
        of the models that are the same network, and measured, what we trained ourselves: a list of dataset, top1,
        setting and command.

    # Raises
        ValueError: where there is no such model; the closest names are suggested.

    >>> describe("el_resnet26")["top1"]
    64.0
    """
    backbone, method = _look_up(name, None)
    return {
        "name": _name(backbone, method),
        "backbone": backbone.name,
        "method": method.name,
        "summary": method.summary,
        "source": method.sources.get(backbone.name, method.source),
        "top1": method.published.get(backbone.name),
        "not_converged": backbone.name in method.not_converged,
        "same_as": same_as(_name(backbone, method)),
        "measured": [asdict(entry) for entry in MEASURED if entry.model == _name(backbone, method)],
    }


def _name(backbone: Backbone, method: Method) -> str:
    return f"{method.prefix}_{backbone.name}".lstrip("_")


def _look_up(name: str, method: str | None) -> tuple[Backbone, Method]:
    """The backbone and the method of a model's name, or of a backbone's and a method's name."""
    if method is None:
        # the public functions' names are accepted too: ELResNet26 is el_resnet26
        names = {known.replace("_", ""): pair for known, pair in model_names().items()}
        plain = name.lower().replace("_", "").replace("-", "")
        if plain not in names:
            raise UserError(f"there is no model {name!r}; {closest(name.lower(), model_names())}")
        name, method = names[plain]
    if name not in BACKBONES:
        raise UserError(f"there is no backbone {name!r}; {closest(name, BACKBONES)}")
    if method not in METHODS:
        raise UserError(f"there is no method {method!r}; {closest(method, METHODS)}")
    backbone, chosen = BACKBONES[name], METHODS[method]
    if not backbone.roles <= chosen.units.keys():
        raise UserError(
            f"method {method!r} does not say what a {' or '.join(sorted(backbone.roles - chosen.units.keys()))} "
            f"convolution of {name!r} is made of; list_models() names the combinations that exist."
        )
    return backbone, chosen


def _check_options(options: Options) -> None:
    if not isinstance(options.width, Real) or not 0 < options.width < inf:
        raise UserError(f"width must be above 0, got {options.width!r}; 1.0 is the published network.")
    if options.stride_on not in ("reduce", "spatial"):
        raise UserError(f"stride_on must be 'reduce' or 'spatial', got {options.stride_on!r}.")
    if options.pad_values not in (0, 1):
        raise UserError(f"pad_values must be 0 or 1, got {options.pad_values!r}: nothing else is binary padding.")


def _starting_from(method: Method, initializer: Any) -> Method:
    """The method with other initial latent weights."""
    try:
        found = keras.initializers.get(initializer)
    except (ValueError, TypeError):
        found = None
    if not isinstance(found, keras.initializers.Initializer):
        raise UserError(
            f"latent_initializer must be a Keras initializer, such as 'glorot_normal', got {initializer!r}."
        )
    return replace(method, units={role: replace(unit, latent_initializer=found) for role, unit in method.units.items()})


def _image(input_shape: Any, input_tensor: Any) -> Any:
    """The image's Keras tensor."""
    if input_tensor is not None:
        if not keras.backend.is_keras_tensor(input_tensor) or len(input_tensor.shape) != 4:
            raise UserError(f"input_tensor must be a Keras tensor of shape (N, H, W, C), got {input_tensor!r}.")
        return input_tensor
    shape = (224, 224, 3) if input_shape is None else input_shape
    if not _is_image_shape(shape):
        raise UserError(
            f"input_shape must be (height, width, channels) in pixels, such as (224, 224, 3), got {input_shape!r}."
        )
    return keras.Input(tuple(shape), name="image")


def _is_image_shape(shape: Any) -> bool:
    """Whether this is (height, width, channels); height and width may be None."""
    if not isinstance(shape, tuple | list) or len(shape) != 3 or shape[-1] is None:
        return False
    return all(size is None or (_is_integer(size) and size > 0) for size in shape)


def _is_integer(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _head(x: Tensor, include_top: bool, pooling: str | None, classes: int, activation: str | None) -> Any:
    if include_top:
        if not _is_integer(classes) or classes < 1:
            raise UserError(f"classes must be a positive integer, got {classes!r}.")
        x = POOLINGS["avg"](name="pool")(x)
        x = keras.layers.Dense(classes, name="logits")(x)
        # float32 also under mixed precision: a float16 softmax loses small probabilities
        return keras.layers.Activation(activation, dtype="float32", name="predictions")(x)
    if pooling is None:
        return x
    if pooling not in POOLINGS:
        raise UserError(f"pooling must be None, 'avg' or 'max', got {pooling!r}.")
    return POOLINGS[pooling](name="pool")(x)


def create_model(
    backbone: str,
    method: str | None = None,
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    name: str | None = None,
    latent_initializer: Any = None,
    **options: Any,
) -> Any:
    """Builds a model by name.

    # Arguments
        backbone: such as "resnet26", with `method`; or without it a model's name of `list_models()`.
        method: such as "el"; see `larq_el.zoo.METHODS`.
        latent_initializer: what the real-valued weights behind the binary convolutions start from, a Keras initializer;
            None is the method's, Glorot's uniform one. Bi-Real net's and ReActNet's authors start from
            `RandomUniform(0, 1e-3)`.
        options: `width`, `stride_on` and `pad_values`, see `larq_el.zoo.backbones.Options`. For the other arguments
            see `larq_el.zoo.ELResNet26`.

    # Returns
        A `tf.keras.Model`.

    # Raises
        ValueError: naming the argument, its value and what is allowed.

    >>> create_model("resnet26", method="el", input_shape=(32, 32, 3), width=0.25).name
    'el_resnet26'
    >>> create_model("el_resnet62")
    Traceback (most recent call last):
      ...
    larq_el.errors.UserError: there is no model 'el_resnet62'; did you mean 'el_resnet26'...
    """
    chosen, made_of = _look_up(backbone, method)
    known = [option.name for option in fields(Options)]
    unknown = sorted(options.keys() - set(known))
    if unknown:
        raise UserError(f"there is no option {unknown[0]!r}; {closest(unknown[0], known)}")
    settings = Options(**options)
    _check_options(settings)
    if latent_initializer is not None:
        made_of = _starting_from(made_of, latent_initializer)
    image = _image(input_shape, input_tensor)
    outputs = chosen.features(image, made_of, settings)
    outputs = _head(outputs, include_top, pooling, classes, classifier_activation)
    inputs = image if input_tensor is None else keras.utils.get_source_inputs(input_tensor)
    model = keras.Model(inputs, outputs, name=name or _name(chosen, made_of))
    if weights is not None:
        load_weights(model, weights, model_name=_name(chosen, made_of), options=settings)
    return model
