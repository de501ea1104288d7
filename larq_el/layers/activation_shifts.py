"""ABC-Net's shifts of the activations."""

from typing import Any

from larq_el._keras import Tensor, keras, tf


@keras.utils.register_keras_serializable(package="larq_el")
class ActivationShifts(keras.layers.Layer):
    """Gives [x + v_1 - 1/2, ..., x + v_N - 1/2]: their signs are ABC-Net's activation bases.

    A_n = 2 * 1[clip(x + v_n, 0, 1) >= 1/2] - 1 with learned v_n. The gradient passes where 0 <= x + v_n <= 1, which is
    what `lq.quantizers.SteSign(clip_value=0.5)` does behind this layer. The shifts start evenly spaced around 0,
    because equal ones would stay equal (the paper does not say where they start); a single one starts at 0.

    >>> import tensorflow as tf
    >>> [shifted.numpy().tolist() for shifted in ActivationShifts(2)(tf.constant([0.0, 1.0]))]
    [[-0.75, 0.25], [-0.25, 0.75]]

    # Arguments
        count: N.

    # Input shape
        Any, such as (N, H, W, C).

    # Output shape
        A list of `count`, each that of the input.

    # Raises
        ValueError: where `count` is not a positive integer.

    # References
        [ABC-Net](https://arxiv.org/abs/1711.11294), section 3.2
    """

    def __init__(self, count: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(count, int) or count < 1:
            raise ValueError(f"ActivationShifts: count must be a positive integer, got {count!r}.")
        self.count = count

    def build(self, input_shape: Any) -> None:
        """Creates the shifts."""
        start = [(n - (self.count - 1) / 2) / self.count for n in range(self.count)]
        self.shifts = self.add_weight(
            name="shifts", shape=(self.count,), initializer=keras.initializers.Constant(start)
        )
        super().build(input_shape)

    def call(self, inputs: Tensor) -> list[Any]:
        """The shifted inputs."""
        return [inputs + (shift - 0.5) for shift in tf.unstack(self.shifts)]

    def compute_output_shape(self, input_shape: Any) -> list[Any]:
        """`count` times the shape of the input."""
        return [tf.TensorShape(input_shape)] * self.count

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "count": self.count}
