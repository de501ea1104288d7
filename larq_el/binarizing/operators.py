"""What a call computes, as far as binarizing a network has to know."""

from math import prod
from typing import Any

from larq_el._keras import Layer, keras, lq, tf
from larq_el.binarizing.graph import Call, Value

_layers = keras.layers

MOVING = (
    _layers.Concatenate,
    _layers.ZeroPadding2D,
    _layers.Cropping2D,
    _layers.MaxPooling2D,
    _layers.AveragePooling2D,
    _layers.UpSampling2D,
    _layers.Dropout,
    _layers.SpatialDropout2D,
    _layers.GaussianDropout,
    _layers.GaussianNoise,
    _layers.ActivityRegularization,
    _layers.Reshape,
    _layers.Permute,
)
"""Layers behind which a value that is never negative is still never negative."""
CONCATENATING = ("concat", "compat.v1.concat", "keras.backend.concatenate")
MOVING_FUNCTIONS = (
    *CONCATENATING,
    *("identity", "stop_gradient", "nn.dropout", "cast", "pad", "compat.v1.pad", "nn.max_pool2d", "nn.avg_pool2d"),
    *("reshape", "transpose", "compat.v1.transpose", "keras.backend.permute_dimensions", "keras.backend.reshape"),
    *("split", "slice", "strided_slice", "__operators__.getitem", "gather", "tile", "repeat", "roll", "image.resize"),
    *("nn.depth_to_space", "nn.space_to_depth", "expand_dims", "squeeze", "stack", "unstack", "broadcast_to"),
)
SUMS = ("Add", "CustomScaleLayer")
"""Names of layers that add; the second is that of InceptionResNetV2 in `tf.keras.applications`."""
SUM_FUNCTIONS = ("__operators__.add", "math.add", "math.add_n")
PRODUCT_FUNCTIONS = ("math.multiply",)
RELU_FUNCTIONS = ("nn.relu", "nn.relu6", "keras.activations.relu", "keras.backend.relu")
RELUS = ("relu", "relu6")
"""Names of activations that are never negative, and zero for all that is below zero."""
GLOBAL_POOLS = (_layers.GlobalAveragePooling2D, _layers.GlobalMaxPooling2D)
MEANS = ("math.reduce_mean", "keras.backend.mean", "math.reduce_max")


def function_of(call: Call) -> str:
    """The name of the TensorFlow function that a call is, such as "nn.relu"; "" of a layer."""
    return getattr(call.layer, "symbol", None) or ""


def activation_of(layer: Layer) -> str:
    """The name of a layer's activation, such as "relu"; "" without one."""
    activation = getattr(layer, "activation", None)
    return "" if activation is None else getattr(activation, "__name__", type(activation).__name__)


def is_relu(call: Call) -> bool:
    """Whether a call is a ReLU or a ReLU6, however it is written: a sign behind it would always be +1."""
    if isinstance(call.layer, _layers.ReLU):
        return not call.layer.negative_slope and not call.layer.threshold
    if isinstance(call.layer, _layers.Activation):
        return activation_of(call.layer) in RELUS
    return function_of(call) in RELU_FUNCTIONS or _is_clipped_at_zero(call)


def _is_clipped_at_zero(call: Call) -> bool:
    """Whether a call is max(x, 0), or x clipped from 0 on."""
    numbers = [leaf for leaf in tf.nest.flatten((call.args, call.kwargs)) if isinstance(leaf, int | float)]
    if function_of(call) == "math.maximum":
        return len(call.inputs) == 1 and numbers == [0]
    return function_of(call) == "clip_by_value" and len(call.inputs) == 1 and numbers[:1] == [0]


def is_exact_gelu(call: Call) -> bool:
    """Whether a call is a GELU by the error function, of which LCE's converter has no operator."""
    if isinstance(call.layer, _layers.Activation):
        return activation_of(call.layer) == "gelu"
    if function_of(call) not in ("nn.gelu", "keras.activations.gelu"):
        return False
    return not call.kwargs.get("approximate", call.args[1] if len(call.args) > 1 else False)


def is_sum(call: Call) -> bool:
    """Whether a call adds tensors of one shape."""
    is_one = type(call.layer).__name__ in SUMS or function_of(call) in SUM_FUNCTIONS
    return is_one and len(call.inputs) > 1 and len({value.shape for value in call.inputs}) == 1


def max_pooled(call: Call) -> int:
    """Of how many pixels a call takes the largest one; 1 where it is no max-pool."""
    if isinstance(call.layer, _layers.MaxPooling2D):
        return prod(call.layer.pool_size)
    if function_of(call) not in ("nn.max_pool2d", "nn.max_pool"):
        return 1
    size = call.kwargs.get("ksize", call.args[1] if len(call.args) > 1 else 2)
    return prod(size) if isinstance(size, list | tuple) else size**2


def is_merging(call: Call) -> bool:
    """Whether a call averages tensors, or takes the largest or smallest of them."""
    return isinstance(call.layer, _layers.Average | _layers.Maximum | _layers.Minimum)


def is_product(call: Call) -> bool:
    """Whether a call multiplies two tensors."""
    is_one = isinstance(call.layer, _layers.Multiply) or function_of(call) in PRODUCT_FUNCTIONS
    return is_one and len(call.inputs) == 2


def is_concatenation(call: Call) -> bool:
    """Whether a call joins tensors."""
    return isinstance(call.layer, _layers.Concatenate) or function_of(call) in CONCATENATING


def is_moving(call: Call) -> bool:
    """Whether a call moves, pads, pools or joins values only."""
    if isinstance(call.layer, _layers.Activation):
        return activation_of(call.layer) == "linear"
    return isinstance(call.layer, MOVING) or function_of(call) in MOVING_FUNCTIONS


def is_batch_norm(call: Call) -> bool:
    """Whether a call is a BatchNorm of the channels."""
    if not isinstance(call.layer, _layers.BatchNormalization):
        return False
    axes = call.layer.axis if isinstance(call.layer.axis, list | tuple) else [call.layer.axis]
    return list(axes) in ([3], [-1])


def is_global_pool(call: Call) -> bool:
    """Whether a call reduces an image to one value a channel."""
    if isinstance(call.layer, GLOBAL_POOLS):
        return True
    if isinstance(call.layer, _layers.AveragePooling2D | _layers.MaxPooling2D):
        return call.output.shape[1:3] == (1, 1) != call.inputs[0].shape[1:3]
    if function_of(call) not in MEANS or len(call.inputs[0].shape) != 4:
        return False
    axes = call.kwargs.get("axis", call.args[1] if len(call.args) > 1 else None)
    return axes is not None and sorted(axis % 4 for axis in _as_list(axes)) == [1, 2]


def _as_list(axes: Any) -> list[int]:
    return list(axes) if isinstance(axes, list | tuple) else [axes]


def is_convolution(call: Call) -> bool:
    """Whether a call is a two-dimensional convolution of any kind, also one that is binary already."""
    return isinstance(call.layer, _layers.Conv2D | _layers.DepthwiseConv2D | _layers.SeparableConv2D)


_CONVOLUTIONS = (
    *(_layers.Conv1D, _layers.Conv2D, _layers.Conv3D, _layers.SeparableConv1D, _layers.SeparableConv2D),
    *(_layers.DepthwiseConv1D, _layers.DepthwiseConv2D, _layers.ConvLSTM1D, _layers.ConvLSTM2D, _layers.ConvLSTM3D),
)


def is_any_convolution(call: Call) -> bool:
    """Whether a call is a convolution of one, two or three dimensions, or has one inside, as a TimeDistributed."""
    return is_convolution(call) or any(isinstance(layer, _CONVOLUTIONS) for layer in call.layer._flatten_layers())


def has_kernel(call: Call) -> bool:
    """Whether a call is a convolution or a dense layer."""
    return is_any_convolution(call) or is_dense(call)


def is_dense(call: Call) -> bool:
    """Whether a call is a dense layer."""
    return isinstance(call.layer, _layers.Dense)


def is_flatten(call: Call) -> bool:
    """Whether a call makes one row of an image."""
    return isinstance(call.layer, _layers.Flatten)


def is_binary_already(layer: Layer) -> bool:
    """Whether a layer is one of Larq's, which has its own quantizers."""
    return isinstance(
        layer,
        lq.layers.QuantConv2D
        | lq.layers.QuantDepthwiseConv2D
        | lq.layers.QuantSeparableConv2D
        | lq.layers.QuantConv2DTranspose,
    )


def is_image_dense(call: Call) -> bool:
    """Whether a call is a dense layer on each pixel: a 1x1 convolution by another name."""
    return type(call.layer) is _layers.Dense and len(call.inputs[0].shape) == 4


def is_depthwise(layer: Layer) -> bool:
    """Whether a convolution has one filter a channel."""
    return isinstance(layer, _layers.DepthwiseConv2D)


def self_gated(call: Call) -> Value | None:
    """x, where a call is x times an element-wise function of x alone that holds a ReLU6: a hard-swish.

    # Arguments
        call: any.
    """
    if not is_product(call):
        return None
    for x, gate in (call.inputs, call.inputs[::-1]):
        value, hard = gate, False
        while value is not x and value.producer is not None and is_elementwise(value.producer):
            hard |= is_relu(value.producer) or activation_of(value.producer.layer) == "hard_sigmoid"
            value = value.producer.inputs[0]
        if value is x and gate is not x and hard:
            return x
    return None


def is_elementwise(call: Call) -> bool:
    """Whether a call has one tensor, and computes each of its values by itself."""
    known = isinstance(call.layer, _layers.ReLU | _layers.Activation | _layers.Rescaling) or function_of(call) in (
        *RELU_FUNCTIONS,
        *SUM_FUNCTIONS,
        *PRODUCT_FUNCTIONS,
        "keras.activations.hard_sigmoid",
        "math.truediv",
        "math.subtract",
    )
    return known and len(call.inputs) == 1 and call.inputs[0].shape == call.output.shape
