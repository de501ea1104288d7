"""XNOR-Net++'s learned scale of a binary convolution's output."""

from typing import Any

from larq_el._keras import Tensor, keras, tf


@keras.utils.register_keras_serializable(package="larq_el")
class LearnedScale(keras.layers.Layer):
    """Multiplies by Gamma[h, w, o] = a[o] b[h] c[w], three learned vectors that start at one.

    At inference Gamma is one constant. It is tied to the height and width that it was trained for.

    >>> import tensorflow as tf
    >>> layer = LearnedScale()
    >>> layer(tf.ones((1, 2, 3, 4))).shape, layer.count_params()  # 4 channels, 2 rows, 3 columns
    (TensorShape([1, 2, 3, 4]), 9)

    # Input shape
        (N, H, W, C) with known H, W and C, channels last.

    # Output shape
        That of the input.

    # Raises
        ValueError: where H, W or C is not known.

    # References
        [XNOR-Net++](https://arxiv.org/abs/1909.13863), section 3.2 (its best case, "Case 4")
    """

    def build(self, input_shape: Any) -> None:
        """Creates the three vectors."""
        _, height, width, channels = input_shape
        if None in (height, width, channels):
            raise ValueError(
                f"LearnedScale learns one factor a row and column and needs a fixed size, got input shape "
                f"{tuple(input_shape)}; build the model with a fixed input_shape."
            )
        self.channels = self.add_weight(name="channels", shape=(channels,), initializer="ones")
        self.rows = self.add_weight(name="rows", shape=(height, 1, 1), initializer="ones")
        self.columns = self.add_weight(name="columns", shape=(width, 1), initializer="ones")
        super().build(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        """`inputs * Gamma`."""
        _, height, width, channels = inputs.shape
        # LCE takes a constant factor behind a binary convolution for one of each channel; behind a reshape it leaves it
        pixels = tf.reshape(inputs, [-1, height * width, channels])
        pixels *= tf.reshape(self.rows * self.columns * self.channels, [height * width, channels])
        return tf.reshape(pixels, [-1, height, width, channels])

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the input."""
        return input_shape
