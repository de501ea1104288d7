"""What a Keras model is made of: its layers, and which of them are binary."""

from collections.abc import Sequence
from typing import Any

from larq_el._keras import Layer, Model, Tensor, keras, lq

# layers that move values about and change none: signs stay signs behind them
_MOVING = (
    keras.layers.Reshape,
    keras.layers.Permute,
    keras.layers.Flatten,
    keras.layers.Cropping2D,
    keras.layers.UpSampling2D,
    keras.layers.MaxPooling2D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.RepeatVector,
    keras.layers.Concatenate,
)


def is_binary(quantizer: Any) -> bool:
    """Whether a quantizer gives two values.

    # Arguments
        quantizer: a Larq quantizer, or None.

    >>> is_binary(lq.quantizers.SteSign()), is_binary(lq.quantizers.SteTern()), is_binary(None)
    (True, False, False)
    """
    return getattr(quantizer, "precision", None) == 1 and not isinstance(quantizer, lq.quantizers.NoOp)


def has_binary_kernel(layer: Layer) -> bool:
    """Whether a layer's kernel is quantized to two values."""
    quantizer = getattr(layer, "depthwise_quantizer", None) or getattr(layer, "kernel_quantizer", None)
    return is_binary(quantizer)


def has_binary_input(layer: Layer) -> bool:
    """Whether a layer sees two values: by its own input quantizer, or because what feeds it gives them."""
    if getattr(layer, "input_quantizer", None) is not None:
        return is_binary(layer.input_quantizer)
    return _gives_signs(getattr(layer, "input", None))


def _gives_signs(tensor: Tensor) -> bool:
    """Whether a Keras tensor holds the output of a binary quantizer, perhaps moved about."""
    if isinstance(tensor, list):
        return all(map(_gives_signs, tensor))
    history = getattr(tensor, "_keras_history", None)
    if history is None:
        return False
    if is_binary(history.layer) or is_binary(getattr(history.layer, "activation", None)):
        return True
    node = history.layer.inbound_nodes[history.node_index]
    return isinstance(history.layer, _MOVING) and _gives_signs(node.keras_inputs)


def is_binary_convolution(layer: Layer) -> bool:
    """Whether a layer multiplies signs with signs: its multiply-accumulates are BOPs.

    >>> conv = lq.layers.QuantConv2D(32, 1, input_quantizer="ste_sign", kernel_quantizer="ste_sign",
    ...                              kernel_constraint="weight_clip")
    >>> is_binary_convolution(conv)
    True
    """
    return has_binary_kernel(layer) and has_binary_input(layer)


def convolutions(layer: Layer) -> int:
    """How many convolutions a layer runs for each of its kernels: more than one where several bases add up.

    # Arguments
        layer: a Keras layer.

    >>> convolutions(lq.layers.QuantConv2D(32, 1))
    1
    """
    return getattr(layer, "convolutions", 1)


KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")
"""Attributes of Keras layers that hold what is multiplied with the input."""


def kernels_of(layer: Layer) -> list[Any]:
    """What a layer multiplies its input with: none, one, or two of a separable convolution.

    # Arguments
        layer: a built Keras layer.
    """
    return [kernel for name in KERNELS if (kernel := getattr(layer, name, None)) is not None]


def leaf_layers(model: Model) -> list[Any]:
    """The layers of a model and of the models inside it, in order.

    # Arguments
        model: a `tf.keras.Model`.
    """
    leaves = []
    for layer in model.layers:
        leaves.extend(leaf_layers(layer) if isinstance(layer, keras.Model) else [layer])
    return leaves


def windows_beyond_images(model: Model) -> list[str]:
    """The binary convolutions whose zero-padded windows are larger than their images.

    Compute Engine's fast kernels compute these wrongly (version 0.16): a conversion calls them faulty, and `larq-el
    convert` refuses such a network. Its training is not concerned.

    # Arguments
        model: a `tf.keras.Model`; images of unknown size are not judged.

    # Returns
        Names of layers.

    >>> image = keras.Input((2, 2, 32))
    >>> conv = lq.layers.QuantConv2D(32, 3, padding="same", name="conv", input_quantizer="ste_sign",
    ...                              kernel_quantizer="ste_sign", kernel_constraint="weight_clip")
    >>> windows_beyond_images(keras.Model(image, conv(image)))
    ['conv']
    """
    return [layer.name for layer in leaf_layers(model) if _is_window_beyond_image(layer)]


def _is_window_beyond_image(layer: Layer) -> bool:
    if not isinstance(layer, lq.layers.QuantConv2D) or not is_binary_convolution(layer):
        return False
    if layer.padding != "same" or layer.pad_values != 0 or layer.data_format != "channels_last":
        return False
    borders = [(size - 1) * factor for size, factor in zip(layer.kernel_size, layer.dilation_rate, strict=True)]
    shapes = [layer.get_input_shape_at(node)[1:3] for node in range(len(layer.inbound_nodes))]
    return any(is_beyond(shape, borders) for shape in shapes)


def is_beyond(sizes: Sequence[int | None], borders: Sequence[int]) -> bool:
    """Whether a window is higher or wider than an image.

    # Arguments
        sizes: height and width of the image, None where unknown.
        borders: by how many pixels the window is higher and wider than one pixel.

    >>> is_beyond((2, 8), (2, 2)), is_beyond((3, None), (2, 2))
    (True, False)
    """
    return any(size is not None and size <= border for size, border in zip(sizes, borders, strict=True))
