"""A convolution as a sum of binary ones: ABC-Net's bases, and TBN's ternary activations."""

from typing import Any

from larq_el._keras import Tensor, keras, lq, tf


@keras.utils.register_keras_serializable(package="larq_el")
class BasesConv2D(lq.layers.QuantConv2D):
    """The sum of beta_n conv(sign(x_n), W_m) over the N inputs and the M kernels that the kernel quantizer gives.

    With `ActivationShifts` before it and `WeightBases` as kernel quantizer this is ABC-Net's convolution; with
    `TernaryThresholds` before it and beta fixed at 1/2, TBN's. Each of the M * N convolutions is binary.

    >>> import tensorflow as tf
    >>> layer = BasesConv2D(1, 1, use_bias=False, kernel_quantizer="ste_sign", kernel_initializer="ones",
    ...                     kernel_constraint="weight_clip", input_quantizer="ste_sign")
    >>> x = tf.reshape([-1.0, 0.2, 1.0], (1, 1, 3, 1))
    >>> layer([x - 0.5, x + 0.5]).numpy().ravel().tolist()
    [-1.0, 0.0, 1.0]

    # Arguments
        train_scales: whether beta is learned. It starts at 1/N.
        others: of `lq.layers.QuantConv2D`, without a bias.

    # Input shape
        A list of N tensors (batch, H, W, C), channels last, or one.

    # Output shape
        (batch, H', W', filters).

    # References
        [ABC-Net](https://arxiv.org/abs/1711.11294), section 3
    """

    def __init__(self, *args: Any, train_scales: bool = True, **kwargs: Any) -> None:
        kwargs["use_bias"] = False
        super().__init__(*args, **kwargs)
        self.input_spec = None  # Keras's convolution would refuse a list
        self.train_scales = train_scales
        self.inputs_count = 1

    def build(self, input_shape: Any) -> None:
        """Creates the kernel and beta."""
        shapes = _as_list(input_shape)
        super().build(shapes[0])
        self.input_spec = None
        self.inputs_count = len(shapes)
        self.scales = self.add_weight(
            name="scales",
            shape=(len(shapes),),
            initializer=keras.initializers.Constant(1.0 / len(shapes)),
            trainable=self.train_scales,
        )

    @property
    def convolutions(self) -> int:
        """Binary convolutions that the layer runs, M * N."""
        return self.inputs_count * getattr(self.kernel_quantizer, "count", 1)

    def call(self, inputs: Tensor) -> Tensor:
        """The sum over all pairs of inputs and kernels."""
        inputs = inputs if isinstance(inputs, list | tuple) else [inputs]
        kernels = self._kernels()
        outputs = [
            # a factor of each convolution, not of the sum: the converter fuses it into them
            scale * self._convolve(self._quantized(x), kernel)
            for scale, x in zip(tf.unstack(self.scales), inputs, strict=True)
            for kernel in kernels
        ]
        return outputs[0] if len(outputs) == 1 else tf.add_n(outputs)

    def _quantized(self, x: Tensor) -> Tensor:
        return x if self.input_quantizer is None else self.input_quantizer(x)

    def _kernels(self) -> list[Any]:
        if hasattr(self.kernel_quantizer, "bases"):
            return list(self.kernel_quantizer.bases(tf.convert_to_tensor(self.kernel)))
        with lq.context.quantized_scope(True):
            return [tf.convert_to_tensor(self.kernel)]

    def _convolve(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        if self._is_native_padding:
            return self.convolution_op(inputs, kernel)
        inputs = tf.pad(inputs, self._get_padding_same(inputs), constant_values=self.pad_values)
        return tf.nn.conv2d(inputs, kernel, self.strides, "VALID", dilations=self.dilation_rate)

    def quantized_kernels(self) -> list[Any]:
        """The kernel of each convolution, (kernel_size, kernel_size, C, filters)."""
        return self._kernels() * self.inputs_count

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, H', W', filters)."""
        return super().compute_output_shape(_as_list(input_shape)[0])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "train_scales": self.train_scales}


def _as_list(input_shape: Any) -> list[Any]:
    """The shapes of one or several inputs."""
    nested = isinstance(input_shape, list | tuple) and input_shape and not isinstance(input_shape[0], int | None)
    return [tf.TensorShape(shape) for shape in (input_shape if nested else [input_shape])]
