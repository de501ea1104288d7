"""CI-Net's interacted bitcount: sure channels correct unsure ones."""

from typing import Any

import numpy as np

from larq_el._keras import Tensor, keras, tf

THRESHOLD, STRENGTH = 200 / 1440, 100 / 1440
"""Of the authors' CIFAR-10 network, as parts of its middle fan-in (3x3 of 160 channels)."""


@keras.utils.register_keras_serializable(package="larq_el")
class InteractedBitcount(keras.layers.Layer):
    """Adds what a graph of channel pairs says to the integer output of a binary convolution.

    For each edge (source s, target t, sign k of +1 or -1):

        x_t += k * strength * (1[x_s >= threshold] - 1[x_s <= -threshold])

    All sources are read before any target changes. The graph starts empty, and is mined by
    `larq_el.training.mine_interactions`; it is saved with the weights. The gradient of x_t is that of the output; the
    sources get none.

    >>> import tensorflow as tf
    >>> layer = InteractedBitcount(threshold=4.0, strength=2.0, max_edges=8)
    >>> x = tf.constant([[[[5.0, 1.0], [-4.0, 1.0], [3.0, 1.0]]]])  # one row of three pixels, two channels
    >>> _ = layer(x)
    >>> layer.edges = [(0, 1, +1)]
    >>> layer(x).numpy()[..., 1].ravel().tolist()
    [3.0, -1.0, 1.0]

    # Arguments
        threshold: how sure a source must be, in counts.
        strength: what an edge adds, in counts.
        max_edges: how many edges the graph can have.

    # Input shape
        (N, H, W, C), channels last: a binary convolution's output before its BatchNorm.

    # Output shape
        That of the input.

    # Raises
        ValueError: where an argument is not positive, or (setting `edges`) an edge is not of this layer.

    # References
        [CI-BCNN](https://openaccess.thecvf.com/content_CVPR_2019/html/Wang_Learning_Channel-Wise_Interactions_for_Binary_Convolutional_Neural_Networks_CVPR_2019_paper.html),
        https://github.com/ZiweiWangTHU/CI-BCNN
    """

    def __init__(self, threshold: float, strength: float, max_edges: int = 100, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name, value in (("threshold", threshold), ("strength", strength), ("max_edges", max_edges)):
            if not value > 0:
                raise ValueError(f"InteractedBitcount: {name} must be above 0, got {value!r}.")
        self.threshold = threshold
        self.strength = strength
        self.max_edges = max_edges

    def build(self, input_shape: Any) -> None:
        """Creates the graph: one row (source, target, sign) an edge; sign 0 is no edge."""
        self.graph = self.add_weight(
            name="graph", shape=(self.max_edges, 3), dtype=tf.int32, initializer="zeros", trainable=False
        )
        self.channels = input_shape[-1]
        super().build(input_shape)

    @property
    def edges(self) -> list[tuple[int, int, int]]:
        """The edges as (source channel, target channel, sign)."""
        return [(int(s), int(t), int(k)) for s, t, k in self.graph.numpy() if k]

    @edges.setter
    def edges(self, edges: list[tuple[int, int, int]]) -> None:
        if len(edges) > self.max_edges:
            raise ValueError(f"InteractedBitcount: at most {self.max_edges} edges, got {len(edges)}; raise max_edges.")
        for s, t, k in edges:
            if not (0 <= s < self.channels and 0 <= t < self.channels and s != t and k in (-1, 1)):
                raise ValueError(
                    f"InteractedBitcount: an edge is (source, target, +1 or -1) of two of the {self.channels} "
                    f"channels, got {(s, t, k)}."
                )
        graph = np.zeros((self.max_edges, 3), np.int32)
        graph[: len(edges)] = np.reshape(edges, (-1, 3))
        self.graph.assign(graph)

    def call(self, inputs: Tensor) -> Tensor:
        """The corrected counts."""
        source, target, sign = tf.unstack(self.graph, axis=1)
        counts = tf.gather(inputs, source, axis=-1)
        sure = tf.cast(counts >= self.threshold, inputs.dtype) - tf.cast(counts <= -self.threshold, inputs.dtype)
        # (edges, C): what each edge adds to each channel; a 1x1 convolution, which needs no reshape of the image
        change = tf.one_hot(target, self.channels) * (self.strength * tf.cast(sign, tf.float32))[:, tf.newaxis]
        change = tf.cast(change, inputs.dtype)[tf.newaxis, tf.newaxis]
        return inputs + tf.stop_gradient(tf.nn.conv2d(sure, change, 1, "SAME"))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "threshold": self.threshold,
            "strength": self.strength,
            "max_edges": self.max_edges,
        }
