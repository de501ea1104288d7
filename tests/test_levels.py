import numpy as np
import pytest

from larq_el import zoo
from larq_el._keras import keras, lq, tf
from larq_el.errors import UserError
from larq_el.introspection import has_binary_input, has_binary_kernel
from larq_el.levels import LEVELS, at_level, rebuilt
from larq_el.quantizers import InPlaceOfSign

SHAPE = {"input_shape": (32, 32, 3), "width": 0.125, "classes": 10}
METHODS = ("el_resnet26", "abc_resnet18", "tbn_resnet18", "react_resnet18", "el_mobilenet", "real_to_bin_resnet18")


def binarized():
    image = keras.Input((4, 4, 2))
    conv = lq.layers.QuantConv2D(
        3, 1, input_quantizer="ste_sign", kernel_quantizer="ste_sign", kernel_constraint="weight_clip", name="conv"
    )
    return keras.Model(image, conv(image))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("level", LEVELS)
def test_layers_and_weights_stay_and_quantizers_change(name, level):
    model = zoo.create_model(name, **SHAPE)
    twin = at_level(model, level)
    assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]
    for ours, theirs in zip(twin.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(twin.layers, model.layers, strict=True):
        assert has_binary_kernel(ours) == (has_binary_kernel(theirs) and level == "binary"), ours.name
        if has_binary_kernel(theirs):
            assert has_binary_input(ours) == (level in ("binary", "binary_activations")), ours.name


def test_the_values_of_each_level():
    model = binarized()
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 2)).astype(np.float32)
    kernel, bias = model.get_weights()
    kernel = kernel[0, 0]
    of_kernels = {True: np.where(kernel >= 0, 1.0, -1.0), False: kernel}
    signs = np.where(x >= 0, 1.0, -1.0)
    clip = np.clip(x, -1, 1)
    inputs = {
        "float": x,
        "relu": np.maximum(x, 0),
        "leaky_clip": clip + 0.1 * (x - clip),
        "clip": clip,
        "tanh": np.tanh(x),
        "binary_activations": signs,
        "binary": signs,
    }
    assert inputs.keys() == LEVELS.keys()
    for level, values in inputs.items():
        found = at_level(model, level).predict_on_batch(x)
        np.testing.assert_allclose(found, values @ of_kernels[level == "binary"] + bias, rtol=1e-5, atol=1e-6)


def test_float_kernels_are_not_clipped():
    assert at_level(binarized(), "tanh").get_layer("conv").kernel_constraint is None
    assert at_level(binarized(), "binary").get_layer("conv").kernel_constraint is not None


def test_a_level_is_saved_and_read(tmp_path):
    from larq_el.models.loading import load_model

    model = at_level(zoo.create_model("el_resnet18", **SHAPE), "tanh")
    for name in ("m.keras", "m.h5"):
        if name.endswith("h5"):
            with pytest.warns(UserWarning, match="HDF5"):
                model.save(tmp_path / name)
        else:
            model.save(tmp_path / name)
        x = np.random.default_rng(0).normal(size=(1, 32, 32, 3)).astype(np.float32)
        np.testing.assert_array_equal(load_model(tmp_path / name).predict_on_batch(x), model.predict_on_batch(x))


def test_models_inside_models_are_rebuilt():
    inner = binarized()
    image = keras.Input((4, 4, 2))
    outer = keras.Model(image, keras.layers.ReLU()(inner(image)))
    twin = at_level(outer, "tanh")
    assert not has_binary_kernel(twin.layers[1].get_layer("conv"))
    assert has_binary_kernel(inner.get_layer("conv"))  # what was given is not changed


def test_frozen_layers_stay_frozen():
    model = binarized()
    model.get_layer("conv").trainable = False
    assert not at_level(model, "tanh").get_layer("conv").trainable


def test_mistakes_are_sentences():
    with pytest.raises(UserError, match="there is no level 'tahn'; did you mean 'tanh'"):
        at_level(binarized(), "tahn")
    with pytest.raises(UserError, match="'resnet18' has no binary convolution, and so no level 'tanh'"):
        at_level(zoo.create_model("resnet18", **SHAPE), "tanh")
    with pytest.raises(ValueError, match="function must be one of tanh, relu, leaky_clip, clip, got 'sin'"):
        InPlaceOfSign("sin")

    class Own(keras.Model):
        def call(self, x):
            return tf.identity(x)

    with pytest.raises(UserError, match="'own' cannot be built again from its layers; give a functional or sequential"):
        rebuilt(Own(name="own"), lambda layer, config: config)
