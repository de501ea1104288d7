"""A learned bias of each channel, of which ReActNet's RSign and RPReLU are made."""

from typing import Any

from larq_el._keras import Tensor, keras


@keras.utils.register_keras_serializable(package="larq_el")
class ChannelBias(keras.layers.Layer):
    """Adds a learned value to each channel.

    RSign is `sign(ChannelBias()(x))`; RPReLU is `ChannelBias()(prelu(ChannelBias()(x)))`, each with values of its own.

    >>> import tensorflow as tf
    >>> layer = ChannelBias(initializer="ones")
    >>> layer(tf.zeros((1, 1, 1, 2))).numpy().ravel().tolist()
    [1.0, 1.0]

    # Arguments
        initializer: initial values, a Keras initializer.
        regularizer: a Keras regularizer, or None.

    # Input shape
        (N, ..., C), channels last.

    # Output shape
        That of the input.

    # References
        [ReActNet](https://arxiv.org/abs/2003.03488), section 4.2
    """

    def __init__(self, initializer: Any = "zeros", regularizer: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initializer = keras.initializers.get(initializer)
        self.regularizer = keras.regularizers.get(regularizer)

    def build(self, input_shape: Any) -> None:
        """Creates one value a channel."""
        if input_shape[-1] is None:
            raise ValueError(f"ChannelBias needs a known number of channels, got input shape {tuple(input_shape)}.")
        self.bias = self.add_weight(
            name="bias", shape=(input_shape[-1],), initializer=self.initializer, regularizer=self.regularizer
        )
        super().build(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        """`inputs + bias`."""
        return inputs + self.bias

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "initializer": keras.initializers.serialize(self.initializer),
            "regularizer": keras.regularizers.serialize(self.regularizer),
        }
