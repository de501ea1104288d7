"""An Elastic-Link without its convolution: EL^- of the paper's Table 4."""

from typing import Any

from larq_el._keras import Tensor, keras, tf
from larq_el.layers.elastic_link import ElasticLink


@keras.utils.register_keras_serializable(package="larq_el")
class LinkAlone(ElasticLink):
    """SEI of a real-valued input: what `ElasticLink` adds to a convolution's output, without the convolution.

    >>> import tensorflow as tf
    >>> x = tf.constant([[[[1.0, 2.0, 3.0, 4.0]]]])  # 1 x 1 x 1 x 4
    >>> LinkAlone(2)(x).numpy().ravel().tolist()  # (1 + 3) / 2, (2 + 4) / 2
    [2.0, 3.0]

    # Arguments
        filters: channels of the output.
        kwargs: those of `ElasticLink`.

    # Input shape
        (N, H, W, C), channels last.

    # Output shape
        (N, ceil(H / strides), ceil(W / strides), filters).

    # Raises
        ValueError: where `filters` is not a positive integer, or the arguments are not `ElasticLink`'s.

    # References
        [Elastic-Link](https://arxiv.org/abs/2112.10149), Table 4
    """

    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(filters, int) or filters < 1:
            raise ValueError(f"LinkAlone: filters must be a positive integer, got {filters!r}.")
        self.filters = filters

    def build(self, input_shape: Any) -> None:
        """Creates gamma for the shape of the input."""
        super().build([self.compute_output_shape(input_shape), input_shape])

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """SEI(inputs) / gamma."""
        sizes = tf.shape(inputs)
        zeros = tf.zeros([sizes[0], *(-(-sizes[axis] // self.strides) for axis in (1, 2)), self.filters], inputs.dtype)
        return super().call(
            [tf.ensure_shape(zeros, self.compute_output_shape(inputs.shape)), inputs], training=training
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(N, ceil(H / strides), ceil(W / strides), filters)."""
        batch, height, width, _ = tf.TensorShape(input_shape).as_list()
        sizes = [None if size is None else -(-size // self.strides) for size in (height, width)]
        return tf.TensorShape([batch, *sizes, self.filters])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "filters": self.filters}
