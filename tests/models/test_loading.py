"""A Keras file that names a class which is not there ends in a sentence that names it, and the remedy."""

import json
import zipfile

import h5py
import numpy as np
import pytest

from larq_el import zoo
from larq_el._keras import keras, lq
from larq_el.convert import load_model
from larq_el.errors import UserError

BINARY = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}
FORMATS = ["keras", "h5"]


def build():
    image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(32, 3, name="stem")(image)
    return keras.Model(image, lq.layers.QuantConv2D(32, 1, name="binary", **BINARY)(x))


def save(model, path):
    if path.suffix == ".h5":
        with pytest.warns(UserWarning, match="HDF5"):
            model.save(path)
    else:
        model.save(path)
    return path


def describe(path, change):
    """Changes the description in a file: `change` gets the layers by their names."""

    def changed(text):
        config = json.loads(text)
        change({layer["config"]["name"]: layer for layer in config["config"]["layers"]})
        return json.dumps(config)

    if path.suffix == ".h5":
        with h5py.File(path, "r+") as file:
            file.attrs["model_config"] = changed(file.attrs["model_config"])
        return
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["config.json"] = changed(parts["config.json"])
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def layer(**values):
    return lambda layers: layers["stem"].update(values)


def part(name, values):
    return lambda layers: layers["binary"]["config"].update({name: values})


def of(module, name, registered=None, config=None):
    return {"module": module, "class_name": name, "config": config or {}, "registered_name": registered}


CASES = {
    "a layer": (layer(class_name="Nothing"), "Nothing"),
    "a layer without a module": (layer(class_name="Nothing", module=None), "Nothing"),
    "a module of Larq that is not there": (layer(class_name="Nothing", module="larq.nothing"), "Nothing"),
    "a module of ours": (layer(class_name="Nothing", module="own_objects"), "Nothing"),
    "a registered layer": (
        layer(class_name="Nothing", registered_name="mine>Nothing", module="own_objects"),
        "mine>Nothing",
    ),
    "a layer whose name is a number": (layer(class_name=3), "3"),
    "a quantizer": (part("kernel_quantizer", of("larq.quantizers", "Nothing", "Larq>Nothing")), "Larq>Nothing"),
    "a quantizer of ours": (part("kernel_quantizer", of("own_objects", "MySign", "mine>MySign")), "mine>MySign"),
    "a quantizer's short name": (part("input_quantizer", "nothing"), "nothing"),
    "a quantizer without a module": (part("input_quantizer", {"class_name": "Nothing", "config": {}}), "Nothing"),
    "a constraint": (part("kernel_constraint", of("larq.constraints", "Nothing")), "Nothing"),
    "an initializer": (part("kernel_initializer", of("keras.initializers", "Nothing")), "Nothing"),
    "a dtype": (part("dtype", of("keras.mixed_precision", "Nothing", config={"name": "float32"})), "Nothing"),
    "an activation": (part("activation", of("builtins", "function", "function", "my_relu")), "my_relu"),
    "an activation of ours": (part("activation", of("own_objects", "function", "my_relu", "my_relu")), "my_relu"),
    "an activation's name": (part("activation", "my_relu"), "my_relu"),
}


@pytest.fixture(params=FORMATS)
def file(request, tmp_path):
    return save(build(), tmp_path / f"model.{request.param}")


@pytest.mark.parametrize("case", CASES)
def test_the_missing_class_is_named_with_the_remedy(case, file):
    change, name = CASES[case]
    describe(file, change)
    own = file.parent / "own_objects.py"
    own.write_text("")
    with pytest.raises(
        UserError,
        match=f"it needs '{name}', which is in none of Keras, Larq, own_objects; name the file that has it with "
        "--import FILE",
    ):
        load_model(file, imports=[str(own)])
    with pytest.raises(UserError, match=r"(it needs '.*', which is in none of Keras, Larq;|needs '.*' of).*--import"):
        load_model(file)


def all_kinds():
    """A model inside a model, operators, a named and a custom activation, layers of Larq's and of ours."""
    image = keras.Input((32, 32, 3))
    inner = keras.Sequential([keras.layers.Conv2D(3, 1, activation="relu", kernel_regularizer="l2"), build()])
    x = keras.layers.Rescaling(2.0)(image) + 1.0
    x = lq.layers.QuantConv2D(3, 1, activation=keras.layers.LeakyReLU(0.1), **BINARY)(x)
    return keras.Model(image, keras.layers.TimeDistributed(keras.layers.Dense(2))(inner(x[:, :8, :8])))


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", ["el_resnet26", "abc_3x3_resnet18", "el_mobilenet", None])
def test_every_kind_of_model_loads(name, suffix, tmp_path):
    model = zoo.create_model(name, input_shape=(32, 32, 3), width=0.125, classes=2) if name else all_kinds()
    loaded = load_model(save(model, tmp_path / f"model.{suffix}"))
    image = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    np.testing.assert_array_equal(loaded.predict(image, verbose=0), model.predict(image, verbose=0))


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_layers_that_networks_of_keras_bring_are_known(tmp_path, suffix):
    from tf_keras.src.applications.convnext import LayerScale, StochasticDepth
    from tf_keras.src.applications.inception_resnet_v2 import CustomScaleLayer

    image = keras.Input((4, 4, 3))
    x = CustomScaleLayer(0.5)([image, StochasticDepth(0.1)(LayerScale(0.5, 3)(image))])
    model = keras.Model(image, x)
    model.save(tmp_path / f"m.{suffix}")
    ones = np.ones((1, 4, 4, 3), np.float32)
    np.testing.assert_array_equal(load_model(tmp_path / f"m.{suffix}")(ones), model(ones))
