"""Which names stand for one network: `larq_el.zoo.same` against what is built."""

import json
import re
from pathlib import Path

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


def blocks(name):
    """The layers of the blocks, with what each of them reads from within its block."""
    keras.backend.clear_session()  # quantizers are numbered
    config = zoo.create_model(name, input_shape=(64, 64, 3), width=0.125, classes=10).get_config()
    layers = [layer for layer in config["layers"] if layer["name"].startswith("stage")]
    outer = re.compile(r'"(stem|image)\w*"')  # the first block's input comes from another stem
    return outer.sub('"stem"', json.dumps(layers, sort_keys=True, default=str))


def test_binary_e_has_elastic_links_basic_blocks_and_another_stem_and_head():
    assert blocks("binary_e_resnet18") == blocks("el_resnet18")
    theirs, ours = (
        {layer.name for layer in zoo.create_model(name, input_shape=(64, 64, 3), width=0.125).layers}
        for name in ("binary_e_resnet18", "el_resnet18")
    )
    assert theirs - ours == {"stem_image_bn", "stem_relu", "stem_second_bn", "last_relu"}
    assert ours - theirs == set()


def test_the_documentation_has_a_row_for_each_model_and_names_each_group():
    text = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    counted = re.findall(r"^\| (\w+) \| (.*?) \|", text.split("## Counts")[1], re.MULTILINE)[1:]
    assert dict(counted) == {name: ", ".join(same_as(name)) for name in zoo.list_models()}
