"""TBN's ternary activation, as the two inputs of binary convolutions."""

from typing import Any

from larq_el._keras import Tensor, keras, tf

MEAN_MAGNITUDE = 0.7979
"""Mean of |x| of a standard normal x: what the threshold starts from."""


@tf.custom_gradient
def _clip_gradient(x: Tensor) -> Tensor:
    """The identity, whose gradient passes where |x| <= 1: TBN's straight-through estimator."""

    def gradient(upstream: Any) -> Any:
        return tf.where(tf.abs(x) <= 1.0, upstream, tf.zeros_like(upstream))

    return tf.identity(x), gradient


@keras.utils.register_keras_serializable(package="larq_el")
class TernaryThresholds(keras.layers.Layer):
    """Gives [x - D, x + D]: half the sum of their signs is the ternary t(x).

    t(x) is +1 from D up, -1 below -D and 0 between. D = delta * mean|x|, over the whole batch in training and a running
    mean of it at inference. A `BasesConv2D` of both tensors, with SteSign(clip_value=None) and equal scales, convolves
    t(x) as two binary convolutions: zeros in a convolution are nothing that the Larq Compute Engine knows.

    >>> import tensorflow as tf
    >>> below, above = TernaryThresholds(delta=0.5)(tf.constant([-1.0, -0.2, 0.2, 1.0]), training=True)  # D is 0.3
    >>> ((tf.sign(below) + tf.sign(above)) / 2).numpy().tolist()
    [-1.0, 0.0, 0.0, 1.0]

    # Arguments
        delta: threshold as a part of mean|x|; 0.5 is the default of the authors' code of 2020. For the ECCV paper's own
            networks 0.4 is told, which we could not confirm.
        momentum: how much of a batch's D the running D takes.

    # Input shape
        Any, such as (N, H, W, C).

    # Output shape
        A list of two, each that of the input.

    # Raises
        ValueError: where delta is not above 0, or momentum not between 0 and 1.

    # References
        TBN (Wan et al., ECCV 2018), section 3.2; https://github.com/dnvtmf/TBN
    """

    def __init__(self, delta: float = 0.5, momentum: float = 0.01, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not delta > 0:
            raise ValueError(
                f"TernaryThresholds: delta must be above 0, got {delta!r}; 0.5 is the default of the authors' code."
            )
        if not 0 <= momentum <= 1:
            raise ValueError(f"TernaryThresholds: momentum must be between 0 and 1, got {momentum!r}.")
        self.delta = delta
        self.momentum = momentum

    def build(self, input_shape: Any) -> None:
        """Creates the running D."""
        self.threshold = self.add_weight(
            name="threshold",
            shape=(),
            initializer=keras.initializers.Constant(MEAN_MAGNITUDE * self.delta),
            trainable=False,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.MEAN,
        )
        super().build(input_shape)

    def call(self, inputs: Tensor, training: bool | None = None) -> list[Any]:
        """`[inputs - D, inputs + D]`."""
        threshold = self._of_batch(inputs) if training else tf.cast(self.threshold, inputs.dtype)
        passed = _clip_gradient(inputs)
        return [passed - threshold, passed + threshold]

    def _of_batch(self, inputs: Tensor) -> Tensor:
        """D of a batch, which the running D moves towards."""
        threshold = tf.stop_gradient(self.delta * tf.reduce_mean(tf.abs(inputs)))
        step = tf.cast(threshold, self.threshold.dtype) - self.threshold
        self.threshold.assign_add(self.momentum * step)
        return threshold

    def compute_output_shape(self, input_shape: Any) -> list[Any]:
        """Twice the shape of the input."""
        return [tf.TensorShape(input_shape)] * 2

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "delta": self.delta, "momentum": self.momentum}
