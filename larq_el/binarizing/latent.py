"""What a binary unit starts from: the float convolution's kernel, scaled, and its BatchNorm's factors."""

import numpy as np

from larq_el._keras import Layer, Model, tf
from larq_el.binarizing.units import Placement

LATENT_SCALE = 0.1
"""Largest magnitude of a latent kernel. Those that fill the clipping range [-1, 1] hardly ever change their signs."""


def start_from_float(model: Model, placements: list[Placement], latent_scale: float) -> None:
    """Sets the weights of the units.

    - latent kernels are the float ones times a factor that makes each layer's largest magnitude `latent_scale`.
    - a BatchNorm takes over the factors and offsets of the float one. Not its statistics, which are those of another
      convolution: it starts from mean 0 and the variance that a sum of random signs times this kernel has.

    # Arguments
        model: built, with the placements' layers in it.
        placements: of all its units.
        latent_scale: see there.
    """
    for placement in placements:
        conv = model.get_layer(f"{placement.conv.name}_conv")
        kernel = np.reshape(placement.layer.get_weights()[0], conv.get_weights()[0].shape)
        largest = np.abs(kernel).max()
        conv.set_weights([kernel * (latent_scale / largest if largest > 0 else 1.0), *conv.get_weights()[1:]])
        if "norm" in placement.behind_conv:
            _start_norm(model.get_layer(f"{placement.conv.name}_bn"), placement.norm, _variance(conv))


def _variance(conv: Layer) -> np.ndarray:
    """Of each output channel of a binary convolution, where its input's signs are random."""
    if hasattr(conv, "quantized_kernels"):  # of several bases
        return np.sum([np.square(kernel).sum(axis=(0, 1, 2)) for kernel in conv.quantized_kernels()], axis=0)
    depthwise = hasattr(conv, "depthwise_quantizer")
    quantizer = conv.depthwise_quantizer if depthwise else conv.kernel_quantizer
    kernel = np.asarray(quantizer(tf.constant(conv.get_weights()[0])))
    return np.square(kernel).sum(axis=(0, 1) if depthwise else (0, 1, 2)).ravel()


def _start_norm(norm: Layer, old: Layer | None, variance: np.ndarray) -> None:
    channels = len(variance)
    gamma = np.ones(channels) if old is None or old.gamma is None else old.gamma.numpy()
    beta = np.zeros(channels) if old is None or old.beta is None else old.beta.numpy()
    norm.set_weights([gamma, beta, np.zeros(channels), variance])
