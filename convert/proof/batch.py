"""Inputs to try a flatbuffer on: the first of the samples, or random ones."""

from collections.abc import Sequence

import numpy as np

from larq_el._keras import Model, keras
from larq_el.introspection import leaf_layers
from larq_el.runtime.quantized import stored
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.graph import Tensor

BYTES = 255.0
"""The largest value of an image that is not preprocessed."""
MEAN = 116.0
"""Of such an image's channels; preprocessing subtracts about as much where it subtracts a mean."""


def batch_for(model: Model, flatbuffer: Flatbuffer, samples: Sequence[np.ndarray] | None) -> list[np.ndarray]:
    """Whole batches of each input, of its type, in the flatbuffer's order.

    # Arguments
        model: the `tf.keras.Model`.
        flatbuffer: its conversion.
        samples: real ones, an array for each input in the flatbuffer's order; the first are taken. Without any, random
            values: of integers those that the embeddings have rows for; where the model itself scales its image, bytes;
            of other images one half as if scaled to about 1, and the other as if bytes less a mean.
    """
    tensors = [flatbuffer.tensors[index] for index in flatbuffer.inputs]
    if samples is not None and all(
        len(values) >= (tensor.shape or (1,))[0] for values, tensor in zip(samples, tensors, strict=True)
    ):
        return [
            _cast(values[: (tensor.shape or (1,))[0]], tensor) for values, tensor in zip(samples, tensors, strict=True)
        ]
    layers = leaf_layers(model)
    rows = min((layer.input_dim for layer in layers if isinstance(layer, keras.layers.Embedding)), default=2)
    scales = any(isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization) for layer in layers[:4])
    random = np.random.default_rng(0)
    return [_cast(_random(random, tensor, rows, scales), tensor) for tensor in tensors]


def _random(random: np.random.Generator, tensor: Tensor, rows: int, scales: bool) -> np.ndarray:
    if tensor.dtype == "bool":
        return random.integers(0, 2, tensor.shape)
    if tensor.dtype == "uint8" and not tensor.scale:
        return random.integers(0, 256, tensor.shape)
    if not tensor.dtype.startswith("float") and not tensor.scale:
        return random.integers(0, rows, tensor.shape)
    if scales:
        return random.uniform(0.0, BYTES, tensor.shape)
    values = random.normal(size=tensor.shape)
    if len(tensor.shape) == 4 and tensor.shape[-1] == 3:
        half = tensor.shape[2] // 2
        values[:, :, half:] = random.uniform(-MEAN, BYTES - MEAN, values[:, :, half:].shape)
    return values


def _cast(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    return stored(np.asarray(values), tensor.dtype, tensor.scale, tensor.zero_point)
