"""Curves, gammas and feature maps, and the command that draws them."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from larq_el import zoo
from larq_el._keras import keras
from larq_el.cli.app import group
from larq_el.cli.exit import run
from larq_el.errors import UserError
from larq_el.training import train
from larq_el.training.pictures import draw_curves, draw_features, draw_gammas, gammas_of_run
from larq_el.zoo.recipes import Recipe, Stage

TWO = Recipe("two", (Stage("tanh", epochs=1, batch_size=64, level="tanh"), Stage("binary", epochs=1, batch_size=64)))


@pytest.fixture(scope="module")
def trained(few, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures") / "el"
    keras.utils.set_random_seed(0)
    model = zoo.create_model("el_resnet26", input_shape=(32, 32, 3), classes=10, width=0.125)
    train(model, few, TWO, folder, verbose=0)
    return folder


def test_curves_of_several_runs(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "other")
    assert draw_curves([trained, tmp_path / "other"], ".png").startswith(b"\x89PNG")
    svg = draw_curves([trained, tmp_path / "other"], ".svg").decode()
    assert "other" in svg.replace("<!-- ", "")


def test_gammas_before_and_after(trained):
    before, after = gammas_of_run(trained)
    assert len(before) == 16
    assert set(before.values()) == {1.0, 2.0, 4.0}
    model = keras.models.load_model(trained / "model.keras", compile=False)
    for name, value in after.items():
        assert value == pytest.approx(float(model.get_layer(name).gamma))
        assert value != before[name]
    assert draw_gammas([trained], ".pdf").startswith(b"%PDF")


def test_feature_maps_beside_each_other(trained):
    models = {
        "EL": keras.models.load_model(trained / "model.keras", compile=False),
        "float": zoo.create_model("resnet18", input_shape=(32, 32, 3), classes=10, width=0.125),
    }
    image = np.zeros((1, 32, 32, 3), np.float32)
    assert draw_features(models, image, ".png").startswith(b"\x89PNG")
    other = keras.Sequential([keras.layers.Conv2D(3, 1, input_shape=(32, 32, 3))], name="other")
    with pytest.raises(UserError, match="'other' has no blocks whose outputs could be drawn; give a model of the zoo"):
        draw_features({"other": other}, image, ".png")


def test_runs_that_cannot_be_drawn_are_sentences(trained, few, tmp_path):
    with pytest.raises(UserError, match="there is no training to resume in '.*none'"):
        draw_curves([tmp_path / "none"], ".png")
    shutil.copytree(trained, tmp_path / "early")
    for stage in ("tanh", "binary"):
        shutil.rmtree(tmp_path / "early" / stage)
    with pytest.raises(UserError, match="no epoch of the training in '.*early' is finished; wait for one"):
        draw_curves([tmp_path / "early"], ".png")
    with pytest.raises(UserError, match="the training in '.*early' has logged no gammas"):
        draw_gammas([tmp_path / "early"], ".png")
    (tmp_path / "early" / "settings.json").write_text(json.dumps({"model": "x"}))
    with pytest.raises(UserError, match="the settings in '.*early' name no stages"):
        draw_curves([tmp_path / "early"], ".png")


def test_the_command(trained, tmp_path, capsys):
    Image.new("RGB", (50, 40), (200, 30, 30)).save(tmp_path / "x.png")
    for args in (
        ["--kind", "curves"],
        ["--kind", "gammas"],
        ["--kind", "features", "--image", str(tmp_path / "x.png")],
    ):
        output = tmp_path / f"{args[1]}.png"
        assert run(group, ["plot", str(trained), *args, "-o", str(output)]) == 0
        assert output.read_bytes().startswith(b"\x89PNG")
    capsys.readouterr()
    cases = {
        (str(trained), "-o", str(tmp_path / "x.bmp")): "pictures are .png, .svg, .pdf files, got",
        (str(trained), "-o", str(tmp_path / "x.png")): "exists",
        (
            str(trained),
            "--kind",
            "features",
            "-o",
            str(tmp_path / "y.png"),
        ): "--image and --kind features belong together",
        (
            str(trained),
            "--image",
            "x.png",
            "-o",
            str(tmp_path / "y.png"),
        ): "--image and --kind features belong together",
        (str(tmp_path / "none"), "-o", str(tmp_path / "y.png")): "there is no training",
    }
    for args, message in cases.items():
        assert run(group, ["plot", *args]) == 2
        assert message in capsys.readouterr().err


def test_gammas_of_trained_weights_are_shown(trained, capsys):
    args = ["--width", "0.125", "--classes", "10", "--input-size", "32", "--weights", str(trained / "model.keras")]
    assert run(group, ["zoo", "show", "el_resnet26", *args]) == 0
    shown = capsys.readouterr().out
    _, after = gammas_of_run(trained)
    assert f"{after['stage2_block1_reduce_link']:.3f}" in shown
    assert run(group, ["zoo", "show", "el_resnet26", *args, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["gammas"] == pytest.approx(after)


def test_recipes_are_listed_and_shown(capsys):
    assert run(group, ["zoo", "recipes"]) == 0
    shown = capsys.readouterr().out
    assert "teacher > tanh > activations > binary" in shown
    assert max(len(line) for line in shown.splitlines() if line[0] in "┏┃┡│└") <= 80
    assert run(group, ["zoo", "recipes", "reactnet"]) == 0
    assert "student, binary_activations" in capsys.readouterr().out
    assert run(group, ["zoo", "recipes", "reactnet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["stages"][0]["network"] == "resnet34"
    assert run(group, ["zoo", "recipes", "react"]) == 2
    assert "there is no recipe 'react'; did you mean 'reactnet'" in capsys.readouterr().err
