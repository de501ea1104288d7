"""One way to write what Keras lets one write in several: a convolution is a Conv2D or a DepthwiseConv2D, and linear.

Separable convolutions are split; a dense layer on each pixel is a 1x1; a convolution of as many groups as channels is
depthwise; an activation inside a convolution stands behind it. Each of these computes what it did.
"""

from typing import Any

import numpy as np

from larq_el._keras import Layer, keras
from larq_el.binarizing import operators
from larq_el.binarizing.graph import Call, Graph, call_after, config_of, unused, values_in


def canonical(graph: Graph, kept: set[Layer]) -> None:
    """Rewrites the convolutions of a graph in place.

    # Arguments
        graph: see `read`.
        kept: layers that stay as they are.
    """
    taken, given = {call.name for call in graph.calls}, set(values_in(graph.outputs))
    written: dict[Layer, list[tuple[str, Layer]] | None] = {}
    for call in list(graph.calls):
        if call.layer in kept or not isinstance(call.layer, keras.layers.Layer):
            continue
        if call.layer not in written:
            layers = _rewritten(call)
            written[call.layer] = layers and _named(call, layers, taken, call.output in given)
        if replacement := written[call.layer]:
            _put(graph, call, replacement)


def _named(call: Call, layers: list[Layer], taken: set[str], is_output: bool) -> list[tuple[str, Layer]]:
    """Names for layers: one of them has the old one's, of an output the last one, as users know outputs by it."""
    if is_output and len(layers) > 1:
        inner = [(unused(f"{layer.name}_logits", taken), layer) for layer in layers[:-1]]
        taken.update(name for name, _ in inner)
        return [*inner, (call.name, layers[-1])]
    return [(_name(call, layer, taken), layer) for layer in layers]


def _name(call: Call, layer: Layer, taken: set[str]) -> str:
    name = call.name if layer.name == call.layer.name else unused(layer.name, taken)
    taken.add(name)
    return name


def _put(graph: Graph, call: Call, layers: list[tuple[str, Layer]]) -> None:
    """Lets a chain of layers take the place of a call."""
    value, position = call.inputs[0], graph.calls.index(call)
    chain = []
    for name, layer in layers:
        chain.append(call_after(value, name, layer, tuple(layer.compute_output_shape(value.shape))))
        value = chain[-1].output
    graph.calls[position : position + 1] = chain
    graph.replace({call.output: value})


def _rewritten(call: Call) -> list[Layer] | None:
    """The layers that stand for a call's, None where it can stay."""
    layer = call.layer
    if operators.is_binary_already(layer) or getattr(layer, "data_format", "") == "channels_first":
        return None
    if type(layer) is keras.layers.SeparableConv2D:
        return _split(layer, call)
    if operators.is_image_dense(call):
        return [_pointwise(layer, call), *_activation(layer)]
    if type(layer) is keras.layers.Conv2D and layer.groups > 1 and _has_one_filter_a_channel(layer, call):
        return [_depthwise(layer, call), *_activation(layer)]
    if type(layer) in _WITH_ACTIVATION and _activation(layer):
        config = {**config_of(layer), "activation": None}
        return [rebuilt_layer(layer, config, layer.get_weights(), call), *_activation(layer)]
    return None


_WITH_ACTIVATION = tuple(
    getattr(keras.layers, kind) for kind in ("Conv2D", "DepthwiseConv2D", "Conv2DTranspose", "Dense")
)
"""A classifier's too: losses want its logits."""


def _has_one_filter_a_channel(layer: Layer, call: Call) -> bool:
    return layer.groups == layer.filters == call.inputs[0].shape[-1]


def rebuilt_layer(
    layer: Layer, config: dict[str, Any], weights: list[Any], call: Call, kind: Any = None, channels: int | None = None
) -> Layer:
    """A built layer of a configuration and weights; `channels` where it does not read what the call reads."""
    new = (kind or type(layer)).from_config(config)
    new.build((None, *call.inputs[0].shape[1:-1], channels or call.inputs[0].shape[-1]))
    new.set_weights(weights)
    new.trainable = layer.trainable
    return new


def _activation(layer: Layer) -> list[Layer]:
    """A layer of a layer's activation, none where that is linear."""
    if operators.activation_of(layer) in ("", "linear"):
        return []
    if isinstance(layer.activation, keras.layers.Layer):
        return [layer.activation]
    return [keras.layers.Activation(layer.activation, name=f"{layer.name}_activation", dtype=layer.dtype_policy)]


_REGULAR = ("kernel_regularizer", "bias_regularizer", "kernel_constraint", "bias_constraint", "activity_regularizer")
_SHARED = ("strides", "padding", "dilation_rate", "data_format", "dtype")


def _split(layer: Layer, call: Call) -> list[Layer]:
    """A separable convolution's two."""
    depthwise, pointwise, *bias = layer.get_weights()
    config = config_of(layer)
    first = {
        "name": f"{layer.name}_depthwise",
        "kernel_size": config["kernel_size"],
        "depth_multiplier": config["depth_multiplier"],
        "use_bias": False,
        **{name: config[name] for name in _SHARED},
    }
    second = {
        "name": layer.name,
        "filters": config["filters"],
        "kernel_size": 1,
        "use_bias": config["use_bias"],
        "dtype": config["dtype"],
    }
    return [
        rebuilt_layer(layer, first, [depthwise], call, keras.layers.DepthwiseConv2D),
        rebuilt_layer(layer, second, [pointwise, *bias], call, keras.layers.Conv2D, pointwise.shape[2]),
        *_activation(layer),
    ]


def _pointwise(layer: Layer, call: Call) -> Layer:
    """A dense layer on each pixel as a 1x1."""
    kernel, *bias = layer.get_weights()
    config = {name: config_of(layer)[name] for name in ("name", "use_bias", "dtype", *_REGULAR)}
    config |= {"filters": layer.units, "kernel_size": 1}
    return rebuilt_layer(layer, config, [kernel[np.newaxis, np.newaxis], *bias], call, keras.layers.Conv2D)


def _depthwise(layer: Layer, call: Call) -> Layer:
    """A convolution of as many groups as channels as a depthwise one."""
    kernel, *bias = layer.get_weights()
    config = config_of(layer)
    shared = {name: config[name] for name in ("name", "kernel_size", "use_bias", *_SHARED)}
    weights = [np.transpose(kernel, (0, 1, 3, 2)), *bias]
    return rebuilt_layer(layer, shared, weights, call, keras.layers.DepthwiseConv2D)
