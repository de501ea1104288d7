"""The sum over the channels of a group: what makes a grouped convolution of a depthwise one."""

from typing import Any

from larq_el._keras import Tensor, keras, tf


@keras.utils.register_keras_serializable(package="larq_el")
class GroupSum(keras.layers.Layer):
    """Behind a depthwise convolution with depth multiplier K: its result is a convolution in groups of K channels.

    MoBiNet's K-dependency: every output channel sees the K input channels of its group. A grouped binary convolution is
    nothing that the Larq Compute Engine converts (it wants groups of 32 channels); a depthwise one is, to float.

    >>> import tensorflow as tf
    >>> x = tf.reshape([1.0, 2.0, 10.0, 20.0], (1, 1, 1, 4))  # 2 channels, each to 2 outputs
    >>> GroupSum(2)(x).numpy().ravel().tolist()
    [11.0, 22.0]

    # Arguments
        size: K, channels of a group.

    # Input shape
        (N, H, W, C * K): channel c's output m at c * K + m, as `DepthwiseConv2D(depth_multiplier=K)` gives it.

    # Output shape
        (N, H, W, C): at g * K + m the sum of output m over the channels of group g.

    # Raises
        ValueError: where K is not a positive integer, or K * K does not divide the channels.

    # References
        [MoBiNet](https://arxiv.org/abs/1907.12629)
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"GroupSum: size must be a positive integer, got {size!r}.")
        self.size = size

    def call(self, inputs: Tensor) -> Tensor:
        """The sums."""
        shape = self.compute_output_shape(inputs.shape)[1:]
        groups = tf.reduce_sum(tf.reshape(inputs, [-1, self.size, self.size]), axis=1)
        sizes = [-1, *shape] if shape.is_fully_defined() else [*tf.unstack(tf.shape(inputs)[:3]), shape[-1]]
        return tf.reshape(groups, sizes)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(N, H, W, C)."""
        *sizes, channels = tf.TensorShape(input_shape).as_list()
        if channels is None or channels % self.size**2:
            raise ValueError(
                f"GroupSum: the channels must be a multiple of size * size = {self.size**2}, got {channels}; give the "
                "depthwise convolution depth_multiplier=size and a multiple of size channels."
            )
        return tf.TensorShape([*sizes, channels // self.size])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "size": self.size}
