"""Bi-Real net's leaky clip."""

from typing import Any

from larq_el._keras import Tensor, keras, tf


@keras.utils.register_keras_serializable(package="larq_el")
class LeakyClip(keras.layers.Layer):
    """clip(x, -1, 1) + slope (x - clip(x, -1, 1)): the identity between -1 and 1, and flat outside.

    >>> import tensorflow as tf
    >>> LeakyClip(0.25)(tf.constant([-3.0, -0.5, 1.0, 2.0])).numpy().tolist()  # -1 - 0.25 * 2, and 1 + 0.25 * 1
    [-1.5, -0.5, 1.0, 1.25]

    # Arguments
        slope: outside of [-1, 1].

    # Input shape
        Any, such as (N, H, W, C).

    # Output shape
        That of the input.

    # References
        [Bi-Real net](https://arxiv.org/abs/1808.00278), section 3.3; https://github.com/liuzechun/Bi-Real-net
    """

    def __init__(self, slope: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.slope = slope

    def call(self, inputs: Tensor) -> Tensor:
        """The clipped input."""
        clipped = tf.clip_by_value(inputs, -1.0, 1.0)
        return clipped + self.slope * (inputs - clipped)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "slope": self.slope}
