"""Does a binary network live? Its signs and gradients on a batch.

Neither gradients nor a successful conversion prove it: with a ReLU before each sign a network has gradients, converts
as a whole, and gives the same for all images. The share of +1 tells.
"""

from dataclasses import dataclass

import numpy as np

from larq_el._keras import Model, keras, tf
from larq_el.errors import UserError
from larq_el.introspection import is_binary_convolution, kernels_of, leaf_layers


@dataclass(frozen=True)
class Signs:
    """Of one binary convolution.

    # Attributes
        layer: its name.
        positive: part of its input's signs that are +1, 0 to 1.
        largest: magnitude of the largest value that a sign is taken of.
        learns: whether a gradient reaches its latent kernel.
    """

    layer: str
    positive: float
    largest: float
    learns: bool


def signs_of(model: Model, images: np.ndarray) -> list[Signs]:
    """The signs of each binary convolution on a batch, with the batch's statistics as in a training step.

    # Arguments
        model: a `tf.keras.Model` of one input that is not inside another one's layers.
        images: (N, H, W, C), preprocessed.

    # Raises
        ValueError: where the model has no binary convolution.

    # Returns
        One `Signs` for each binary convolution, in the order of the network; of a shared one those of its first call.

    >>> from larq_el import zoo
    >>> model = zoo.ELResNet26(input_shape=(32, 32, 3), width=0.125, classes=10)
    >>> found = signs_of(model, np.random.default_rng(0).normal(size=(4, 32, 32, 3)).astype("float32"))
    >>> len(found), all(signs.learns for signs in found)
    (24, True)
    """
    convolutions = [layer for layer in leaf_layers(model) if is_binary_convolution(layer)]
    if not convolutions:
        raise UserError(f"{model.name!r} has no binary convolution, and so no signs; give a binarized network.")
    outputs = [output for output in model.outputs if output.dtype.is_floating]
    probe = keras.Model(model.inputs, [[layer.get_input_at(0) for layer in convolutions], outputs])
    kernels, weights = [kernels_of(layer)[0] for layer in convolutions], model.get_weights()
    with tf.GradientTape() as tape:
        read, given = probe(images, training=True)
        # of no class in particular: a sum of probabilities would have no gradient
        loss = tf.add_n([tf.reduce_mean(tf.square(tf.cast(output, tf.float32) + 1.0)) for output in given])
    gradients = tape.gradient(loss, kernels)
    model.set_weights(weights)  # statistics have moved
    return [
        Signs(layer.name, float(np.mean(value >= 0)), float(np.abs(value).max()), _is_any(gradient))
        for layer, value, gradient in zip(convolutions, (_array(one) for one in read), gradients, strict=True)
    ]


def _array(value: object) -> np.ndarray:
    """A tensor, or the first of those that a convolution of several bases reads."""
    return np.asarray(value[0] if isinstance(value, list | tuple) else value)


def _is_any(gradient: object) -> bool:
    return gradient is not None and bool(np.any(np.asarray(gradient)))
