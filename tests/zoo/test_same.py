"""Which names stand for one network: `larq_el.zoo.same` against what is built."""

import json

from larq_el import zoo
from larq_el._keras import keras
from larq_el.zoo.same import SAME, same_as


def network(name):
    """All that a network is: each layer's class, arguments and inputs, without the model's name."""
    keras.backend.clear_session()
    config = zoo.create_model(name, input_shape=(32, 32, 3), width=0.125, classes=10).get_config()
    return json.dumps([config["layers"], config["output_layers"]], sort_keys=True, default=str)


def test_the_groups_are_those_of_the_built_networks():
    groups = {}
    for name in zoo.list_models():
        groups.setdefault(network(name), []).append(name)
    found = {frozenset(names) for names in groups.values() if len(names) > 1}
    assert found == {frozenset(names) for names in SAME}


def test_a_network_is_the_same_as_each_of_its_other_names():
    assert same_as("el_2_resnet26") == ["el_3_resnet26"]
    assert zoo.describe("el_3_resnet26")["same_as"] == ["el_2_resnet26"]
    assert zoo.describe("el_dagger_resnet34")["same_as"] == ["real_to_bin_resnet34"]
    assert zoo.describe("binary_e_resnet18")["same_as"] == []
