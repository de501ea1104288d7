"""XNOR-Net's scaling matrix K of the activations, the paper's equation 3."""

from typing import Any

import numpy as np

from larq_el._keras import Tensor, keras, tf


@keras.utils.register_keras_serializable(package="larq_el")
class ActivationScale(keras.layers.Layer):
    """K: how large the real-valued input of a binary convolution is at each of the convolution's output pixels.

    The mean of |x| over the channels, then over the kernel's window (a box filter of constant 1 / (w * h)). A 1x1
    kernel has no window. Multiply the output of the binary convolution by K before its BatchNorm:
    `BN(K(x) * BinConv(sign x))`. Note that K depends on the input, so that the converter cannot fuse this BatchNorm
    into the binary convolution.

    >>> import tensorflow as tf
    >>> x = tf.constant([[[[1.0, -3.0], [0.0, 1.0]]]])  # 1 x 1 x 2 x 2
    >>> ActivationScale()(x).numpy().ravel().tolist()  # means of |1|, |-3| and of |0|, |1|
    [2.0, 0.5]

    # Arguments
        kernel_size: size of the window in pixels, that of the convolution; one number or (height, width).
        strides: the convolution's stride in pixels, likewise.
        padding: "same" (pixels outside count as 0, as in the convolution) or "valid".
        dilation_rate: the convolution's dilation in pixels, one number or (height, width).
        stop_gradient: treat K as a constant in the backward pass, as BMXNet's implementation of XNOR-Net does.

    # Input shape
        (N, H, W, C), channels last.

    # Output shape
        (N, H', W', 1), H' and W' the convolution's output sizes.

    # Raises
        ValueError: where `kernel_size`, `strides` or `dilation_rate` is not a positive integer or two, or `padding` is
            another word.

    # References
        [XNOR-Net](https://arxiv.org/abs/1603.05279), section 3.2;
        [Elastic-Link](https://arxiv.org/abs/2112.10149), equation 3 and "Effect of Scaling Activation"
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, int] = 1,
        strides: int | tuple[int, int] = 1,
        padding: str = "same",
        stop_gradient: bool = False,
        dilation_rate: int | tuple[int, int] = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (("kernel_size", kernel_size), ("strides", strides), ("dilation_rate", dilation_rate)):
            if not all(isinstance(size, int | np.integer) and size >= 1 for size in _pair(value)):
                raise ValueError(f"ActivationScale: {name} must be a positive integer (pixels) or two, got {value!r}.")
        if padding not in ("same", "valid"):
            raise ValueError(f"ActivationScale: padding must be 'same' or 'valid', got {padding!r}.")
        self.kernel_size = kernel_size
        self.strides = strides
        self.padding = padding
        self.stop_gradient = stop_gradient
        self.dilation_rate = dilation_rate

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """K of `inputs`. What training computes is the same in fewer passes over memory."""
        window, strides = _pair(self.kernel_size), _pair(self.strides)
        if max(window) == 1 and max(strides) > 1:
            inputs = _every(inputs, strides, training=bool(training))
        scale = _magnitude(inputs) if training else tf.reduce_mean(tf.abs(inputs), axis=-1, keepdims=True)
        if max(window) > 1:
            # a convolution and not an average pool: that divides by the number of pixels inside the image at the border
            box = tf.fill([*window, 1, 1], tf.cast(1.0 / (window[0] * window[1]), scale.dtype))
            dilation = _pair(self.dilation_rate)
            scale = tf.nn.conv2d(scale, box, strides, self.padding.upper(), dilations=dilation)
        return tf.stop_gradient(scale) if self.stop_gradient else scale

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(N, H', W', 1)."""
        batch, *sizes, _ = tf.TensorShape(input_shape).as_list()
        windows = zip(_pair(self.kernel_size), _pair(self.dilation_rate), strict=True)
        borders = [0 if self.padding == "same" else (size - 1) * dilation for size, dilation in windows]
        out = [
            None if size is None else -(-(size - border) // stride)
            for size, border, stride in zip(sizes, borders, _pair(self.strides), strict=True)
        ]
        return tf.TensorShape([batch, *out, 1])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "stop_gradient": self.stop_gradient,
            "dilation_rate": self.dilation_rate,
        }


def _every(x: Tensor, strides: tuple[int, int], *, training: bool) -> Tensor:
    """The pixels that a stride leaves; a gradient of the slice takes three passes, one of the pool a third of them."""
    return tf.nn.max_pool2d(x, 1, strides, "SAME") if training else x[:, :: strides[0], :: strides[1]]


def _pair(pixels: Any) -> tuple[Any, Any]:
    """Height and width; what is neither one value nor two is left to the check."""
    return tuple(pixels) if isinstance(pixels, list | tuple) and len(pixels) == 2 else (pixels, pixels)


@tf.custom_gradient
def _magnitude(x: Tensor) -> Any:
    """The mean of |x| over the channels, with a gradient that keeps no tensor of x's size but x."""
    channels = tf.cast(x.shape[-1], x.dtype)
    scale = tf.reduce_mean(tf.abs(x), axis=-1, keepdims=True)
    return scale, lambda d: tf.sign(x) * (d / channels)
