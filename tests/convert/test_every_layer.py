"""Every layer that Keras and Larq offer loads from both kinds of files, unless it holds code or reads other files."""

import inspect

import numpy as np
import pytest

from larq_el._keras import keras, lq, tf
from larq_el.convert import load_model
from larq_el.models.safety.allowed import LARQ_LAYERS, LAYERS

L = keras.layers
REFUSED = {"AbstractRNNCell", "DenseFeatures", "InputSpec", "Lambda", "Wrapper"}
"""Abstract ones, one that holds code, one that reads files."""
UNREADABLE = "SpectralNormalization"
"""Keras 2 writes it, and cannot read it back."""
IMAGE, SEQUENCE, VECTOR, VIDEO = (8, 8, 4), (6, 4), (4,), (6, 6, 6, 4)
QUANTIZED = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}

ARGUMENTS = {
    "Activation": {"activation": "relu"},
    "ActivityRegularization": {"l2": 0.1},
    "CategoryEncoding": {"num_tokens": 4},
    "CenterCrop": {"height": 4, "width": 4},
    "Discretization": {"bin_boundaries": [0.0, 1.0]},
    "EinsumDense": {"equation": "ab,bc->ac", "output_shape": 3},
    "Embedding": {"input_dim": 5, "output_dim": 3},
    "GroupNormalization": {"groups": 2},
    "Hashing": {"num_bins": 3},
    "IntegerLookup": {"vocabulary": [3, 5, 7]},
    "MultiHeadAttention": {"num_heads": 2, "key_dim": 2},
    "Normalization": {"mean": 1.0, "variance": 2.0},
    "Permute": {"dims": [2, 1]},
    "QuantDepthwiseConv2D": {"kernel_size": 3, "input_quantizer": "ste_sign", "depthwise_quantizer": "ste_sign"},
    "RandomZoom": {"height_factor": 0.2},
    "RepeatVector": {"n": 3},
    "Rescaling": {"scale": 2.0},
    "Reshape": {"target_shape": [2, 2]},
    "Resizing": {"height": 4, "width": 4},
    "StringLookup": {"vocabulary": ["a", "b"]},
    "TextVectorization": {"vocabulary": ["a", "b"], "output_sequence_length": 3},
}
RATES = ("Dropout", "GaussianDropout", "AlphaDropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")
UNITS = ("Dense", "GRU", "LSTM", "SimpleRNN", "QuantDense")
FACTORS = ("RandomBrightness", "RandomContrast", "RandomHeight", "RandomRotation", "RandomWidth", "RandomZoom")
TWO_INPUTS = {
    "Add",
    "Average",
    "Concatenate",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
    "Dot",
    "Attention",
    "AdditiveAttention",
}


def arguments(name):
    """What the constructor needs."""
    if name in ARGUMENTS:
        return ARGUMENTS[name]
    if name in RATES:
        return {"rate": 0.2}
    if name in UNITS:
        return {"units": 3}
    if name in FACTORS:
        return {"factor": 0.2}
    if "Conv" in name or "LocallyConnected" in name:
        return {"kernel_size": 3} if "Depthwise" in name else {"filters": 3, "kernel_size": 3}
    more = {
        "Dot": {"axes": 1},
        "GaussianNoise": {"stddev": 0.1},
        "HashedCrossing": {"num_bins": 4},
        "RandomCrop": {"height": 4, "width": 4},
        "RandomTranslation": {"height_factor": 0.1, "width_factor": 0.1},
    }
    return more.get(name, {})


def shape(name):
    """Of an input that the layer takes."""
    if name.startswith("ConvLSTM"):
        return (3, *(8,) * int(name[-2]), 4)
    if "3D" in name:
        return VIDEO
    if "1D" in name or name in ("GRU", "LSTM", "SimpleRNN", "Attention", "AdditiveAttention", "MultiHeadAttention"):
        return SEQUENCE
    if "2D" in name or name in ("CenterCrop", "Resizing", *FACTORS, "RandomCrop", "RandomFlip", "RandomTranslation"):
        return IMAGE
    return {"Permute": SEQUENCE, "HashedCrossing": (1,), "TextVectorization": (1,)}.get(name, VECTOR)


def called(name, home=L):
    """A model of one layer."""
    dtype = {"StringLookup": "string", "TextVectorization": "string", "IntegerLookup": "int64"}.get(name)
    dtype = "int64" if name in ("HashedCrossing", "Hashing", "CategoryEncoding", "Embedding") else dtype
    image = keras.Input(shape(name), dtype=dtype)
    if name in ("Bidirectional", "TimeDistributed"):
        image = keras.Input(SEQUENCE)
        return keras.Model(image, getattr(L, name)(L.LSTM(3) if name == "Bidirectional" else L.Dense(3))(image))
    if name in ("RNN", "StackedRNNCells", "LSTMCell", "GRUCell", "SimpleRNNCell"):
        image = keras.Input(SEQUENCE)
        cell = getattr(L, name)(3) if name.endswith("Cell") else L.StackedRNNCells([L.LSTMCell(3), L.GRUCell(2)])
        return keras.Model(image, L.RNN(cell)(image))
    quantized = QUANTIZED if home is lq.layers and not name.startswith(("QuantSep", "QuantDep")) else {}
    layer = getattr(home, name)(**arguments(name), **quantized)
    if name in TWO_INPUTS or name == "HashedCrossing":
        return keras.Model(image, layer([image, image]))
    return keras.Model(image, layer(image, image) if name == "MultiHeadAttention" else layer(image))


def exported(home):
    return {name for name, thing in vars(home).items() if inspect.isclass(thing) and not name.startswith("_")}


def test_each_layer_is_either_allowed_or_refused():
    assert exported(L) == REFUSED | set(LAYERS)
    assert {name for name in exported(lq.layers) if name.startswith("Quant") and "izer" not in name} == set(LARQ_LAYERS)


def data(model):
    """The inputs' values."""
    rng = np.random.default_rng(0)
    (port,) = model.inputs
    values = rng.integers(0, 4, size=(2, *port.shape[1:]))
    if port.dtype == tf.string:
        return tf.constant(np.array(["a", "b", "c", "d"])[values])
    return tf.constant(values, port.dtype)


@pytest.fixture
def both(tmp_path):
    """Saves a model as `.keras` and `.h5`; Keras can not write some into `.h5`."""

    def save(model):
        model.save(tmp_path / "model.keras")
        with pytest.warns(UserWarning, match="HDF5"):
            model.save(tmp_path / "model.h5")
        return [tmp_path / "model.keras", tmp_path / "model.h5"]

    return save


def same(model, paths, **options):
    values = data(model)
    expected = tf.nest.flatten(model(values, training=False))
    for path in paths:
        loaded = load_model(path, **options)
        for output, value in zip(tf.nest.flatten(loaded(values, training=False)), expected, strict=True):
            np.testing.assert_allclose(output, value, rtol=1e-6, err_msg=path.suffix)


@pytest.mark.parametrize("name", sorted(set(LAYERS) - {"InputLayer", UNREADABLE}))
def test_a_layer_of_keras_loads(name, both):
    model = called(name)
    same(model, both(model))


@pytest.mark.parametrize("name", LARQ_LAYERS)
def test_a_layer_of_larq_loads(name, both):
    model = called(name, lq.layers)
    same(model, both(model))
