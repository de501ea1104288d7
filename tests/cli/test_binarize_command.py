"""`larq-el binarize`, and the story of docs/binarize.md."""

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from larq_el._keras import keras
from larq_el.cli.app import group
from larq_el.cli.exit import run
from larq_el.models.loading import load_model

layers = keras.layers
PAGE = (Path(__file__).parents[2] / "docs" / "binarize.md").read_text()


@pytest.fixture
def model():
    """A float network of one's own, of two classes."""
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu", name="first"),
            layers.Conv2D(32, 3, padding="same", use_bias=False, name="second"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax", name="classes"),
        ],
        name="mine",
    )


@pytest.fixture
def there(model, tmp_path, monkeypatch):
    """A folder with the network and some images, to work in."""
    monkeypatch.chdir(tmp_path)
    model.save("mine.keras")
    generator = np.random.default_rng(0)
    for split, count in (("train", 24), ("val", 6)):
        for name, colour in (("rose", (220, 20, 60)), ("fern", (20, 160, 40))):
            folder = Path("flowers", split, name)
            folder.mkdir(parents=True)
            for number in range(count):
                noise = generator.integers(0, 40, (40, 40, 3))
                Image.fromarray((np.array(colour) - noise).clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")
    shutil.copy("flowers/val/rose/0.png", "photo.jpg")
    return tmp_path


def succeeds(*args):
    assert run(group, [str(arg) for arg in args]) == 0


def fails(capsys, *args):
    assert run(group, [str(arg) for arg in args]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("Error: ")
    assert "\n" not in error
    return error


def test_the_story_of_the_page(there, capsys):
    story = PAGE.split("## From your images to a label")[1].split("##")[0]
    commands = re.findall(r"^    larq-el (.+)$", story, re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["train", "binarize", "train", "convert", "predict"]
    for command in commands:
        shorter = ["--epochs", "3", "--batch-size", "8"] if command.startswith("train") else []
        succeeds(*shlex.split(command), *shorter)
    assert Path("binary.float.keras").is_file()
    assert "rose" in capsys.readouterr().out.split("photo.jpg")[-1]
    settings = json.loads(Path("runs/binary/settings.json").read_text())
    assert [stage["name"] for stage in settings["stages"]] == ["activations", "binary"]
    assert (Path("runs/binary/networks") / "teacher.keras").is_file()


def test_a_plan_writes_nothing(there, capsys):
    succeeds("binarize", "mine.keras", "--plan")
    out = capsys.readouterr().out
    assert "the first convolution: it reads the image" in out
    assert "1 of 3 layers become binary" in out
    assert not list(there.glob("*.float.keras"))


def test_json_has_the_plan_and_the_file(there, capsys):
    succeeds("binarize", "mine.keras", "-o", "out.h5", "--json")
    printed = json.loads(capsys.readouterr().out)
    assert [layer["role"] for layer in printed["layers"]] == ["", "spatial", ""]
    assert printed["output"] == "out.h5"
    assert load_model("out.h5").name == "el_mine"


def test_options_reach_the_network(there):
    succeeds("binarize", "mine.keras", "-o", "out.keras", "--method", "bi_real", "--no-links", "--latent-scale", "0.5")
    made = load_model("out.keras")
    assert np.abs(made.get_layer("second_conv").get_weights()[0]).max() == pytest.approx(0.5)
    assert not any("add" in layer.name for layer in made.layers)


def test_files_are_not_replaced_unless_asked(there, capsys):
    succeeds("binarize", "mine.keras", "-o", "out.keras")
    assert "'out.keras' exists; give --overwrite" in fails(capsys, "binarize", "mine.keras", "-o", "out.keras")
    Path("out.keras").unlink()
    assert "'out.float.keras' exists" in fails(capsys, "binarize", "mine.keras", "-o", "out.keras")
    succeeds("binarize", "mine.keras", "-o", "out.keras", "--overwrite")
    assert "this command reads it" in fails(capsys, "binarize", "mine.keras", "-o", "mine.keras", "--overwrite")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["mine.keras"], "give --output, or --plan to write nothing"),
        (["mine.keras", "-o", "out.txt"], "--output must end in .keras or .h5, got 'out.txt'"),
        (["mine.keras", "--plan", "--method", "elastic"], "there is no method 'elastic'"),
        (["mine.keras", "--plan", "--keep", "secnd"], "keep='secnd' fits no convolution of 'mine'; did you mean"),
        (["mine.keras", "--plan", "--latent-scale", "7"], "latent_scale must be above 0 and at most 1"),
        (["nothing.keras", "--plan"], "there is no file 'nothing.keras'"),
        (["el_resnet18", "--plan"], "'el_resnet18' has binary layers of Larq's already"),
    ],
)
def test_mistakes_are_one_sentence(there, capsys, args, message):
    assert message in fails(capsys, "binarize", *args)


def test_a_model_that_is_a_subclass_of_ones_own_is_refused(tmp_path, capsys):
    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv = layers.Conv2D(4, 3)

        def call(self, inputs):
            return self.conv(inputs)

    model = Mine()
    model(np.zeros((1, 8, 8, 3), np.float32))
    model.save(tmp_path / "saved", save_format="tf")
    assert "whose layers cannot be told from outside" in fails(capsys, "binarize", tmp_path / "saved", "--plan")
