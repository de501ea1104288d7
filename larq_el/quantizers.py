"""What Larq's quantizers and constraints lack.

ABC-Net's bases of a kernel, the gradient that the authors of Bi-Real net, ReActNet and TBN give a scaled sign, and
XNOR-Net's constraint of the weights behind the signs; and what stands in the place of signs before binarization.
"""

from typing import Any

from larq_el._keras import Tensor, keras, lq, tf


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

    def call(self, inputs: Tensor) -> Any:
        """alpha sign(W)."""
        return _scaled(super().call(inputs), tf.reduce_mean(tf.abs(inputs), axis=list(range(len(inputs.shape) - 1))))


@tf.custom_gradient
def _scaled(signs: Any, scale: Tensor) -> Any:
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

    def bases(self, kernel: Tensor) -> list[Any]:
        """alpha_m B_m for each m, of `kernel`'s shape."""
        centred = tf.stop_gradient(kernel - tf.reduce_mean(kernel))
        spread = tf.math.reduce_std(centred)
        shifts = [2.0 * m / (self.count - 1) - 1.0 for m in range(self.count)] if self.count > 1 else [0.0]
        # not tf.where: LCE leaves constants to run time that take more bytes than what they are computed from
        signs = [lq.math.sign(centred + shift * spread) for shift in shifts]
        passed = kernel - tf.stop_gradient(kernel)
        alphas = tf.stop_gradient(_least_squares(kernel, signs))
        return [alphas[m] * (sign + passed) for m, sign in enumerate(signs)]

    def call(self, inputs: Tensor) -> Any:
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

    def __call__(self, x: Tensor) -> Any:
        """The constrained kernel."""
        return super().__call__(x - tf.reduce_mean(x, axis=-2, keepdims=True))


@keras.utils.register_keras_serializable(package="larq_el")
class InPlaceOfSign(lq.quantizers.Quantizer):
    """A smooth function where a sign will stand: what a stage of training before binarization computes.

    >>> InPlaceOfSign("clip")(tf.constant([-3.0, 0.5, 2.0])).numpy().tolist()
    [-1.0, 0.5, 1.0]

    # Arguments
        function: "tanh" (Real-to-Binary), or, in Bi-Real net's order, "relu", "leaky_clip" (slope 0.1 outside of
            [-1, 1]) and "clip".

    # Input shape
        Any, such as (N, H, W, C).

    # Output shape
        That of the input.

    # Raises
        ValueError: where there is no such function.

    # References
        [Real-to-Binary](https://arxiv.org/abs/2003.11535), section 4.2;
        [Bi-Real net](https://arxiv.org/abs/1808.00278), section 3.3
    """

    precision = 32

    def __init__(self, function: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if function not in _SMOOTH:
            raise ValueError(f"InPlaceOfSign: function must be one of {', '.join(_SMOOTH)}, got {function!r}.")
        self.function = function

    def call(self, inputs: Tensor) -> Any:
        """The function of the input."""
        return _SMOOTH[self.function](inputs)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "function": self.function}


def _leaky_clip(x: Tensor) -> Any:
    clipped = tf.clip_by_value(x, -1.0, 1.0)
    return clipped + 0.1 * (x - clipped)


_SMOOTH = {
    "tanh": tf.tanh,
    "relu": tf.nn.relu,
    "leaky_clip": _leaky_clip,
    "clip": lambda x: tf.clip_by_value(x, -1.0, 1.0),
}

REGISTERED = (AlphaSign, CentredWeightClip, InPlaceOfSign, WeightBases)
"""The classes of this module that a model's file may name."""


def _least_squares(kernel: Tensor, signs: list[Any]) -> Any:
    """The alphas for which alpha_1 B_1 + ... + alpha_M B_M is nearest to the kernel, (M,)."""
    # in float32: there is no singular value decomposition in float16
    bases, flat = (tf.cast(value, tf.float32) for value in (tf.stack(signs), kernel))
    bases, flat = tf.reshape(bases, [len(signs), -1]), tf.reshape(flat, [-1])
    size = tf.cast(tf.size(flat), tf.float32)
    gram = tf.matmul(bases, bases, transpose_b=True) / size
    # bases may coincide in small kernels: the pseudo-inverse then shares their scale out
    alphas = tf.linalg.matvec(tf.linalg.pinv(gram), tf.linalg.matvec(bases, flat) / size)
    return tf.cast(alphas, kernel.dtype)
