"""Elastic-Link's SEI: Squeeze, Expand or Identity, equations 4 and 5 of the paper.

| paper | here |
|---|---|
| X_r, the real-valued input | `real_input`, shape (N, H, W, Ci) |
| BN(BinConv(X_r, W)) | `conv_output`, shape (N, H', W', Co) |
| gamma | `gamma`, one scalar |
"""

from collections.abc import Callable
from typing import Any

from larq_el._keras import Tensor, keras, tf


def gamma_init(in_channels: int, out_channels: int) -> int:
    """Equation 5: the number of groups that Squeeze sums, or of copies that Expand makes.

    # Arguments
        in_channels: Ci, channels of the real-valued input.
        out_channels: Co, channels of the convolution's output.

    >>> gamma_init(256, 64), gamma_init(64, 256), gamma_init(64, 64), gamma_init(5, 2)
    (4, 4, 1, 3)
    """
    return -(-max(in_channels, out_channels) // min(in_channels, out_channels))


@keras.utils.register_keras_serializable(package="larq_el")
class ElasticLink(keras.layers.Layer):
    """Adds the real-valued input of a binary convolution to that convolution's normalized output.

    `conv_output + SEI(real_input) / gamma` (equation 4), where SEI is

    - Squeeze, Ci > Co: zero-pad the channels to a multiple of Co, split them into Co-wide groups, sum the groups;
    - Expand, Ci < Co: repeat all channels until there are Co, cropping the last copy;
    - Identity, Ci == Co.

    The convolution stays a `lq.layers.QuantConv2D` of its own beside this layer, so that `lq.models.summary` counts it
    and the Larq Compute Engine recognises it.

    >>> import larq as lq, tensorflow as tf
    >>> x = tf.keras.Input((28, 28, 256))
    >>> y = lq.layers.QuantConv2D(64, 1, strides=2, input_quantizer="ste_sign", kernel_quantizer="ste_sign",
    ...                           kernel_constraint="weight_clip", use_bias=False)(x)
    >>> y = tf.keras.layers.BatchNormalization()(y)
    >>> link = ElasticLink(strides=2)
    >>> link([y, x]).shape
    TensorShape([None, 14, 14, 64])
    >>> float(link.gamma)  # equation 5: ceil(256 / 64)
    4.0

    # Arguments
        strides: 1, or 2 where the convolution has stride 2: the real input is then max-pooled 2x2 with stride 2
            (padding "same") before SEI.
        trainable_gamma: whether gamma is learned (the paper's EL_5 and EL_6) or keeps its initial value (EL_1 to EL_4).
        use_gamma: False for a plain sum without gamma (the identity around a bottleneck's 3x3 convolution).
        gamma_initializer: initial value of gamma, a Keras initializer; None is equation 5.
        gamma_regularizer, gamma_constraint: Keras regularizer and constraint of gamma.

    # Attributes
        gamma: the scalar weight, None without `use_gamma` or before the layer is built.

    # Input shape
        A list of two: `conv_output` (N, H', W', Co) and `real_input` (N, H, W, Ci), channels last;
        H' = ceil(H / strides).

    # Output shape
        That of `conv_output`.

    # Raises
        ValueError: where `strides` is not 1 or 2, the inputs are not two 4-D tensors with known channels, or their
            heights and widths do not fit together.

    What deviates from the paper's text: "the number of channels for each group is ceil(Ci/Co)" is read as the number of
    groups (equation 5 says so), and a last copy that does not fit is cropped, which the text leaves open.

    At inference gamma is a constant. The multiplication by 1/gamma stands on the narrow side, nothing is above 4-D, and
    Expand is a broadcast sum that copies nothing; `benchmarks/elastic_link_formulations.py` compares the alternatives.

    # References
        [Elastic-Link for Binarized Neural Networks](https://arxiv.org/abs/2112.10149), "Elastic-Link", equations 4, 5
    """

    def __init__(
        self,
        strides: int = 1,
        trainable_gamma: bool = True,
        use_gamma: bool = True,
        gamma_initializer: Any = None,
        gamma_regularizer: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if strides not in (1, 2):
            raise ValueError(
                f"ElasticLink: strides must be 1 or 2 (the paper's 2x2 max-pool), got {strides!r}; "
                "give the stride of the convolution beside it as one number."
            )
        self.strides = strides
        self.trainable_gamma = trainable_gamma
        self.use_gamma = use_gamma
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.gamma_regularizer = keras.regularizers.get(gamma_regularizer)
        self.gamma_constraint = keras.constraints.get(gamma_constraint)
        self.gamma: Any = None

    def build(self, input_shape: Any) -> None:
        """Creates gamma for a list of two shapes, those of `conv_output` and `real_input`."""
        conv_shape, real_shape = self._check_shapes(input_shape)
        if self.use_gamma:
            initial = keras.initializers.Constant(gamma_init(real_shape[-1], conv_shape[-1]))
            self.gamma = self.add_weight(
                name="gamma",
                shape=(),
                initializer=self.gamma_initializer or initial,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                trainable=self.trainable_gamma,
            )
        super().build(input_shape)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """`conv_output + SEI(real_input) / gamma` for `inputs = [conv_output, real_input]`."""
        conv_output, link = inputs
        fused = bool(training) and self.trainable_gamma and link.dtype == tf.float32
        scaled = _scaled if fused else _multiplied
        if self.strides == 2:
            link = tf.nn.max_pool2d(link, 2, 2, "SAME")
        in_channels, out_channels = link.shape[-1], conv_output.shape[-1]
        if in_channels > out_channels:
            return conv_output + self._scale(_squeeze(link, conv_output), scaled)
        link = self._scale(link, scaled)
        if in_channels < out_channels:
            return _add_expanded(conv_output, link)
        return conv_output + link

    def _scale(self, x: Tensor, scaled: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Multiplies by 1/gamma, which the converter folds into one constant."""
        return x if self.gamma is None else scaled(x, tf.math.reciprocal(tf.convert_to_tensor(self.gamma)))

    def _check_shapes(self, input_shape: Any) -> tuple[Any, Any]:
        shapes = [tf.TensorShape(shape) for shape in input_shape] if isinstance(input_shape, list | tuple) else []
        if len(shapes) != 2 or any(shape.rank != 4 or shape[-1] is None for shape in shapes):
            raise ValueError(
                "ElasticLink takes a list of two 4-D tensors with known channels, [conv_output, real_input], got "
                f"shapes {input_shape}."
            )
        conv_shape, real_shape = shapes
        for axis, name in ((1, "height"), (2, "width")):
            size, wanted = conv_shape[axis], real_shape[axis]
            if size is None or wanted is None:
                continue
            if size != -(-wanted // self.strides):
                raise ValueError(
                    f"ElasticLink: conv_output's {name} must be real_input's divided by strides={self.strides} and "
                    f"rounded up, got {size} for {wanted}; give ElasticLink the convolution's strides, and the "
                    'convolution padding="same".'
                )
        return conv_shape, real_shape

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of `conv_output`."""
        conv_shape, _ = self._check_shapes(input_shape)
        return conv_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "strides": self.strides,
            "trainable_gamma": self.trainable_gamma,
            "use_gamma": self.use_gamma,
            "gamma_initializer": keras.initializers.serialize(self.gamma_initializer),
            "gamma_regularizer": keras.regularizers.serialize(self.gamma_regularizer),
            "gamma_constraint": keras.constraints.serialize(self.gamma_constraint),
        }


def _multiplied(x: Tensor, factor: Tensor) -> Tensor:
    return x * factor


@tf.custom_gradient
def _scaled(x: Tensor, factor: Tensor) -> Any:
    """`_multiplied`, whose gradient keeps the narrow tensor alone and sums it up at once."""

    def gradient(d: Tensor) -> tuple[Tensor, Tensor]:
        # a product and its sum, which use all threads; a matrix product of two vectors takes three times as long
        return d * factor, tf.reduce_sum(d * x)

    return x * factor, gradient


def _squeeze(link: Tensor, like: Tensor) -> Tensor:
    """Sums groups of Co channels of `link` (N, H, W, Ci > Co) to the shape of `like` (N, H, W, Co)."""
    in_channels, channels = link.shape[-1], like.shape[-1]
    groups = gamma_init(in_channels, channels)
    if groups * channels != in_channels:
        link = tf.pad(link, [[0, 0], [0, 0], [0, 0], [0, groups * channels - in_channels]])
    return _reshape_like(tf.reduce_sum(tf.reshape(link, [-1, groups, channels]), axis=1), like)


def _add_expanded(conv_output: Tensor, link: Tensor) -> Tensor:
    """Adds copies of `link` (N, H, W, Ci < Co) along the channels of `conv_output` (N, H, W, Co)."""
    in_channels, channels = link.shape[-1], conv_output.shape[-1]
    copies, rest = divmod(channels, in_channels)
    if rest:
        return conv_output + tf.concat([link] * copies + [link[..., :rest]], axis=-1)
    groups = tf.reshape(conv_output, [-1, copies, in_channels])
    return _reshape_like(groups + tf.reshape(link, [-1, 1, in_channels]), conv_output)


def _reshape_like(x: Tensor, like: Tensor) -> Tensor:
    """Reshapes to the shape of `like`; the sizes that are known become constants of the converted model."""
    sizes = like.shape[1:]
    return tf.reshape(x, [-1, *sizes] if sizes.is_fully_defined() else tf.shape(like))
