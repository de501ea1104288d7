"""Drawings of blocks."""

import pytest

from larq_el import zoo
from larq_el._keras import keras


def _diagram(name):
    return zoo.block_diagram(zoo.create_model(name, input_shape=(32, 32, 3), width=0.25))


def test_an_elastic_link_bottleneck():
    assert _diagram("el_resnet26").splitlines() == [
        "stage2_block1",
        "│       x: 32x32x64",
        "├─╮",
        "● │     1x1 binary, 32, stride 2",
        "│ ├─╮",
        "│ ● │   K = mean |x|",
        "├─╯ │",
        "● │     x",
        "● │     BatchNorm",
        "├─┤",
        "● │     + max-pool 2x2, squeeze / gamma (initially 2)",
        "├─╮ │",
        "● │ │   3x3 binary, 32",
        "● │ │   BatchNorm",
        "├─╯ │",
        "● │     + identity",
        "├─╮ │",
        "● │ │   1x1 binary, 128",
        "│ │ ●   AveragePooling2D",
        "● │ │   BatchNorm",
        "│ │ ●   1x1 float, 128",
        "├─╯ │",
        "● │     + expand / gamma (initially 4)",
        "│ ●     BatchNorm",
        "├─╯",
        "●       +",
    ]


@pytest.mark.parametrize(
    "name",
    [
        *("tbn_resnet18", "ci_net_resnet18", "abc_3x3_resnet18", "real_to_bin_resnet26", "s_first_link_resnet26"),
        *("el_dagger_mobilenet", "el_reactnet_c", "mobinet_post", "resnet18"),
    ],
)
def test_every_block_ends_in_one_lane_and_names_each_layer_once(name):
    title, *rows = _diagram(name).splitlines()
    model = zoo.create_model(name, input_shape=(32, 32, 3), width=0.25)
    layers = [layer for layer in model.layers if layer.name.startswith(f"{title}_")]
    assert sum("●" in row for row in rows) == len(layers) > 0
    assert rows[-1].startswith("●")
    assert rows[-1].split()[0] == "●"
    # a lane that begins ends, too
    assert sum(row.count("╮") for row in rows) == sum(row.count("╯") for row in rows)


def test_a_model_without_blocks_has_no_drawing():
    image = keras.Input((4, 4, 3))
    assert zoo.block_diagram(keras.Model(image, keras.layers.Conv2D(1, 1)(image))) == ""
