"""Float networks of the zoo, made binary, are the zoo's binary networks: one piece of code builds both."""

import pytest

from larq_el import binarize, zoo
from larq_el._keras import keras

SHAPE = {"input_shape": (64, 64, 3), "width": 0.25, "classes": 10}


def structure(model):
    """Each layer's class, arguments and inputs, in order; layers by their positions and not by their names."""
    config = model.get_config()
    positions = {layer["config"]["name"]: index for index, layer in enumerate(config["layers"])}

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(one) for key, one in value.items() if key not in ("name", "shared_object_id")}
        if isinstance(value, list | tuple):
            return [plain(one) for one in value]
        return positions.get(value, value) if isinstance(value, str) else value

    return [(layer["class_name"], plain(layer["config"]), plain(layer["inbound_nodes"])) for layer in config["layers"]]


@pytest.mark.parametrize(
    ("backbone", "method", "choices"),
    [
        ("resnet26", "el", {}),
        ("resnet50", "el", {}),
        ("resnet26", "s_ks", {}),
        ("resnet50", "bi_real", {}),
        ("resnet18", "bi_real", {}),
        ("resnet34", "el", {}),
        ("mobilenet", "el", {"depthwise": "binary"}),
    ],
)
def test_the_float_network_becomes_the_binary_one(backbone, method, choices):
    made = structure(binarize(zoo.create_model(backbone, **SHAPE), method, centre=False, **choices))
    keras.backend.clear_session()
    assert made == structure(zoo.create_model(backbone, method, **SHAPE))


def test_padding_with_ones_is_the_zoos():
    made = structure(binarize(zoo.ResNet26(**SHAPE), centre=False, pad_values=1))
    keras.backend.clear_session()
    assert made == structure(zoo.ELResNet26(**SHAPE, pad_values=1.0))


def test_the_names_are_the_zoos_too():
    made = binarize(zoo.ResNet26(**SHAPE), centre=False)
    binary = {layer.name for layer in made.layers if layer.name.endswith("_link")}
    assert binary == {layer.name for layer in zoo.ELResNet26(**SHAPE).layers if layer.name.endswith("_link")}
    assert made.name == "el_resnet26"
