"""What Larq's quantizers lack: ABC-Net's bases of a kernel."""

from typing import Any

from larq_el._keras import keras, lq, tf


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
