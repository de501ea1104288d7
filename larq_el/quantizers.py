"""What Larq's quantizers and constraints lack.

Telling which layers and tensors are binary, ABC-Net's bases of a kernel, the gradient that the authors of Bi-Real net,
ReActNet and TBN give a scaled sign, and XNOR-Net's constraint of the weights behind the signs.
"""

from typing import Any

from larq_el._keras import keras, lq, tf

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


def has_binary_kernel(layer: Any) -> bool:
    """Whether a layer's kernel is quantized to two values."""
    quantizer = getattr(layer, "depthwise_quantizer", None) or getattr(layer, "kernel_quantizer", None)
    return is_binary(quantizer)


def has_binary_input(layer: Any) -> bool:
    """Whether a layer sees two values: by its own input quantizer, or because what feeds it gives them."""
    if getattr(layer, "input_quantizer", None) is not None:
        return is_binary(layer.input_quantizer)
    return _gives_signs(getattr(layer, "input", None))


def _gives_signs(tensor: Any) -> bool:
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


def is_binary_convolution(layer: Any) -> bool:
    """Whether a layer multiplies signs with signs: its multiply-accumulates are BOPs.

    >>> conv = lq.layers.QuantConv2D(32, 1, input_quantizer="ste_sign", kernel_quantizer="ste_sign",
    ...                              kernel_constraint="weight_clip")
    >>> is_binary_convolution(conv)
    True
    """
    return has_binary_kernel(layer) and has_binary_input(layer)


def convolutions(layer: Any) -> int:
    """How many convolutions a layer runs for each of its kernels: more than one where several bases add up.

    # Arguments
        layer: a Keras layer.

    >>> convolutions(lq.layers.QuantConv2D(32, 1))
    1
    """
    return getattr(layer, "convolutions", 1)


@keras.utils.register_keras_serializable(package="larq_el")
class AlphaSign(lq.quantizers.SteSign):
    """alpha sign(W), whose gradient does not have the factor alpha.

    alpha is the mean of |W| over each filter (equation 3). In the backward pass W gets the gradient of alpha sign(W) as
    it is where |W| <= `clip_value`, and none elsewhere: that is what the code of Bi-Real net, ReActNet and (without a
    clip value) TBN computes. Larq's MagnitudeAwareSign multiplies it by alpha, which Adam hardly notices.

    >>> kernel = tf.Variable([[0.5], [-1.5]])
    >>> with tf.GradientTape() as tape:
    ...     quantized = AlphaSign()(kernel)
    >>> quantized.numpy().ravel().tolist(), tape.gradient(quantized, kernel).numpy().ravel().tolist()
    ([1.0, -1.0], [1.0, 0.0])

    # Arguments
        clip_value: where the gradient ends, or None.

    # Input shape
        (h, w, C, filters), a kernel.

    # Output shape
        That of the input.

    # References
        [Bi-Real net](https://arxiv.org/abs/1808.00278), section 3.3
    """

    def call(self, inputs: Any) -> Any:
        """alpha sign(W)."""
        return _scaled(super().call(inputs), tf.reduce_mean(tf.abs(inputs), axis=list(range(len(inputs.shape) - 1))))


@tf.custom_gradient
def _scaled(signs: Any, scale: Any) -> Any:
    """scale * signs, through which the gradient of the signs passes unscaled."""

    def gradient(upstream: Any) -> Any:
        return upstream, None

    return scale * signs, gradient


@keras.utils.register_keras_serializable(package="larq_el")
class WeightBases(lq.quantizers.SteSign):
    """Approximates a kernel W by M scaled binary kernels, W ~ alpha_1 B_1 + ... + alpha_M B_M.

    B_m = sign(W - mean(W) + u_m std(W)), u_m evenly spaced from -1 to 1 (0 where M is 1), mean and standard deviation
    over the whole kernel; alpha is the least-squares solution, in closed form. In the backward pass B_m is the identity
    of W and alpha a constant.

    >>> bases = WeightBases(1).bases(tf.constant([[1.0, 2.0, -3.0, -4.0]]))  # their mean of -1 turns no sign
    >>> bases[0].numpy().tolist()
    [[2.5, 2.5, -2.5, -2.5]]

    # Arguments
        count: M, the number of bases.

    # Raises
        ValueError: where `count` is not a positive integer.

    # References
        [ABC-Net](https://arxiv.org/abs/1711.11294), section 3.1
    """

    def __init__(self, count: int = 1, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "clip_value": None})
        if not isinstance(count, int) or count < 1:
            raise ValueError(f"WeightBases: count must be a positive integer, got {count!r}.")
        self.count = count

    def bases(self, kernel: Any) -> list[Any]:
        """alpha_m B_m for each m, of `kernel`'s shape."""
        centred = tf.stop_gradient(kernel - tf.reduce_mean(kernel))
        spread = tf.math.reduce_std(centred)
        shifts = [2.0 * m / (self.count - 1) - 1.0 for m in range(self.count)] if self.count > 1 else [0.0]
        # not tf.where: LCE leaves constants to run time that take more bytes than what they are computed from
        signs = [lq.math.sign(centred + shift * spread) for shift in shifts]
        passed = kernel - tf.stop_gradient(kernel)
        alphas = tf.stop_gradient(_least_squares(kernel, signs))
        return [alphas[m] * (sign + passed) for m, sign in enumerate(signs)]

    def call(self, inputs: Any) -> Any:
        """The approximated kernel, alpha_1 B_1 + ... + alpha_M B_M."""
        return tf.add_n(self.bases(inputs))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        config = super().get_config()
        config.pop("clip_value")
        return {**config, "count": self.count}


@keras.utils.register_keras_serializable(package="larq_el")
class CentredWeightClip(lq.constraints.WeightClip):
    """XNOR-Net's constraint of the real-valued weights: centred over the input channels, then clipped.

    W <- clip(W - mean_c(W), -1, 1) after each step, with one mean for each filter and tap. The paper does not mention
    it; the authors' code does it before each forward pass.

    >>> kernel = tf.reshape([0.0, 0.5, -4.0, 1.0], (1, 1, 2, 2))  # filters (0, -4) and (0.5, 1), means -2 and 0.75
    >>> CentredWeightClip()(kernel).numpy().ravel().tolist()
    [1.0, -0.25, -1.0, 0.25]

    # Arguments
        clip_value: largest magnitude of a weight.

    # Input shape
        (h, w, C, filters), a kernel.

    # Output shape
        That of the input.

    # References
        [XNOR-Net](https://arxiv.org/abs/1603.05279); https://github.com/allenai/XNOR-Net
    """

    def __call__(self, x: Any) -> Any:
        """The constrained kernel."""
        return super().__call__(x - tf.reduce_mean(x, axis=-2, keepdims=True))


REGISTERED = (AlphaSign, CentredWeightClip, WeightBases)
"""The classes of this module that a model's file may name."""


def _least_squares(kernel: Any, signs: list[Any]) -> Any:
    """The alphas for which alpha_1 B_1 + ... + alpha_M B_M is nearest to the kernel, (M,)."""
    # in float32: there is no singular value decomposition in float16
    bases, flat = (tf.cast(value, tf.float32) for value in (tf.stack(signs), kernel))
    bases, flat = tf.reshape(bases, [len(signs), -1]), tf.reshape(flat, [-1])
    size = tf.cast(tf.size(flat), tf.float32)
    gram = tf.matmul(bases, bases, transpose_b=True) / size
    # bases may coincide in small kernels: the pseudo-inverse then shares their scale out
    alphas = tf.linalg.matvec(tf.linalg.pinv(gram), tf.linalg.matvec(bases, flat) / size)
    return tf.cast(alphas, kernel.dtype)
