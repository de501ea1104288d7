"""Levels of binarization: the same network with signs, or with something smooth where they will stand.

A training in stages goes through them. Layers, weights and their names stay; only quantizers and constraints change, so
that the weights of one level fit every other one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from larq_el._keras import Layer, Model, keras, lq
from larq_el.errors import UserError, closest
from larq_el.introspection import has_binary_kernel, is_binary, leaf_layers
from larq_el.quantizers import InPlaceOfSign


@dataclass(frozen=True)
class Level:
    """How much of a network is binary.

    # Attributes
        name: of `at_level`.
        activations: what stands in the place of the signs of activations: None for the signs themselves, "identity", or
            a function of `larq_el.quantizers.InPlaceOfSign`.
        binary_kernels: whether kernels are signs.
        summary: in a few words.
    """

    name: str
    activations: str | None
    binary_kernels: bool
    summary: str


LEVELS: Mapping[str, Level] = MappingProxyType(
    {
        level.name: level
        for level in (
            Level("float", "identity", False, "neither activations nor weights are signs, and nothing in their place"),
            Level("relu", "relu", False, "ReLU in the place of the activations' signs, float weights"),
            Level("leaky_clip", "leaky_clip", False, "a leaky clip in the place of the signs, float weights"),
            Level("clip", "clip", False, "clip(x, -1, 1) in the place of the signs, float weights"),
            Level("tanh", "tanh", False, "tanh in the place of the activations' signs, float weights"),
            Level("binary_activations", None, False, "activations are signs, weights are float"),
            Level("binary", None, True, "activations and weights are signs"),
        )
    }
)


def at_level(model: Model, level: str) -> Model:
    """A network like `model`, with the same layers and weights, at a level of binarization.

    # Arguments
        model: a binary `tf.keras.Model` of Larq's layers, functional or sequential; it stays as it is.
        level: a name of `LEVELS`.

    # Returns
        A new `tf.keras.Model`, for "binary" too.

    # Raises
        ValueError: where there is no such level, or the model has no binary convolution.

    # References
        [Real-to-Binary](https://arxiv.org/abs/2003.11535), section 4.2: tanh, binary activations, binary;
        [ReActNet](https://arxiv.org/abs/2003.03488), section 5.1: binary activations, binary

    >>> from larq_el import zoo
    >>> model = zoo.ELResNet26(input_shape=(32, 32, 3), width=0.125, classes=10)
    >>> half = at_level(model, "binary_activations")
    >>> half.get_layer("stage1_block1_spatial_conv").kernel_quantizer is None
    True
    """
    if level not in LEVELS:
        raise UserError(f"there is no level {level!r}; {closest(level, LEVELS)}")
    if not any(map(has_binary_kernel, leaf_layers(model))):
        raise UserError(
            f"{model.name!r} has no binary convolution, and so no level {level!r}; give a binarized network."
        )
    chosen = LEVELS[level]
    return rebuilt(model, lambda layer, config: _at_level(layer, config, chosen))


def _at_level(layer: Layer, config: dict[str, Any], level: Level) -> dict[str, Any]:
    if not is_binary(getattr(layer, "input_quantizer", None)) and not has_binary_kernel(layer):
        return config
    changed = dict(config)
    if level.activations is not None and is_binary(getattr(layer, "input_quantizer", None)):
        smooth = None if level.activations == "identity" else InPlaceOfSign(level.activations)
        changed["input_quantizer"] = smooth and lq.quantizers.serialize(smooth)
    if not level.binary_kernels:
        for kernel in ("kernel", "depthwise", "pointwise"):
            if is_binary(getattr(layer, f"{kernel}_quantizer", None)):
                # what keeps latent weights near their signs would only bound float ones
                changed[f"{kernel}_quantizer"] = changed[f"{kernel}_constraint"] = None
    return changed


def rebuilt(model: Model, change: Callable[[Layer, dict[str, Any]], dict[str, Any]], *, weights: bool = True) -> Model:
    """A network like `model`, with other configurations of its layers and the same weights.

    # Arguments
        model: a `tf.keras.Model`, functional or sequential; models inside it are rebuilt too.
        change: from a layer and its configuration to the new layer's.
        weights: whether the new network gets the weights too.

    # Raises
        ValueError: where the model is a subclass of one's own, which only its code can build.
    """

    def clone(layer: Layer) -> Layer:
        if isinstance(layer, keras.Model):
            return rebuilt(layer, change, weights=weights)
        return type(layer).from_config(change(layer, layer.get_config()))

    try:
        twin = keras.models.clone_model(model, clone_function=clone)
    except (ValueError, NotImplementedError) as error:
        raise UserError(
            f"{model.name!r} cannot be built again from its layers; give a functional or sequential model."
        ) from error
    if weights:
        twin.set_weights(model.get_weights())
    for ours, theirs in zip(twin.layers, model.layers, strict=True):
        ours.trainable = theirs.trainable
    return twin
