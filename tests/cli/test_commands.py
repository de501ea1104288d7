"""The commands as a user calls them: exit status, what they print, which files they leave."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from larq_el import zoo
from larq_el._keras import keras, lq
from larq_el.cli.app import COMMANDS, group
from larq_el.cli.exit import run
from larq_el.runtime import Interpreter

SMALL = ["--input-size", "32", "--classes", "10", "--width", "0.125"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A Keras file and its flatbuffer, made by the commands."""
    folder = tmp_path_factory.mktemp("trained")
    model = zoo.ELResNet26(input_shape=(32, 32, 3), classes=10, width=0.125)
    model.save(folder / "model.keras")
    assert run(group, ["convert", str(folder / "model.keras"), "-o", str(folder / "model.tflite")]) == 0
    return folder


def fails(capsys, status, *args):
    """Runs a command that has to fail and returns its one sentence."""
    assert run(group, list(map(str, args))) == status
    error = capsys.readouterr().err.strip()
    assert error.startswith("Error: ")
    assert "\n" not in error
    assert "Traceback" not in error
    return error


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name, capsys):
    assert run(group, [name, "--help"]) == 0
    assert "Usage:" in capsys.readouterr().out


def test_help_loads_no_tensorflow():
    code = (
        "import sys; from larq_el.cli.app import group; from larq_el.cli.exit import run; "
        "run(group, ['convert', '--help']); "
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_convert_by_name_with_report(tmp_path, capsys):
    output, report = tmp_path / "m.tflite", tmp_path / "r.json"
    args = ["convert", "el_resnet26", *SMALL, "-o", output, "--report", report, "--json"]
    assert run(group, list(map(str, args))) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["output"] == str(output)
    assert json.loads(report.read_text())["operators"]["LceBconv2d"] == 24
    assert output.stat().st_size == printed["bytes"]


def test_a_lost_convolution_is_refused_by_name_and_no_file_kept(tmp_path, capsys):
    image = keras.Input((8, 8, 32))
    x = keras.layers.Reshape((16, 4, 32))(lq.quantizers.SteSign()(image))
    x = lq.layers.QuantConv2D(
        32, 1, kernel_quantizer="ste_sign", kernel_constraint="weight_clip", name="behind_the_reshape"
    )(x)
    keras.Model(image, x).save(tmp_path / "broken.keras")
    output = tmp_path / "broken.tflite"
    error = fails(capsys, 1, "convert", tmp_path / "broken.keras", "-o", output)
    assert "'behind_the_reshape': a RESHAPE stands between its sign and the convolution" in error
    assert "--allow-float" in error
    assert not output.exists()
    assert run(group, ["convert", str(tmp_path / "broken.keras"), "-o", str(output), "--allow-float"]) == 0
    assert output.exists()


def test_a_convolution_that_lce_computes_wrongly_is_refused(tmp_path, capsys):
    image = keras.Input((2, 2, 32))
    conv = lq.layers.QuantConv2D(
        32, 3, padding="same", input_quantizer="ste_sign", kernel_quantizer="ste_sign", kernel_constraint="weight_clip"
    )
    keras.Model(image, conv(image)).save(tmp_path / "small.keras")
    output = tmp_path / "small.tflite"
    error = fails(capsys, 1, "convert", tmp_path / "small.keras", "-o", output)
    assert "compute a zero-padded 3x3 wrongly on an image of 2x2; use larger images or pad_values=1" in error
    assert not output.exists()
    assert run(group, ["convert", str(tmp_path / "small.keras"), "-o", str(output), "--allow-faulty"]) == 0


def test_convert_refuses_what_it_cannot_read(tmp_path, capsys):
    text = tmp_path / "text.h5"
    text.write_text("not a model")
    whole = tmp_path / "m.tflite"
    cases = {
        (tmp_path / "none.h5",): "there is no file",
        (text,): "is not an HDF5 file",
        ("el_resnet62",): "there is no model 'el_resnet62'; did you mean 'el_resnet26'",
        (tmp_path,): "is not a SavedModel: it holds no saved_model.pb",
        ("el_resnet26", "--input-size", "0"): "input_shape must be",
        ("el_resnet26", "--float-ops", "int4"): "Invalid value for '--float-ops'",
        ("el_resnet26", "--weights", "none.h5"): "there is no file 'none.h5'",
    }
    for args, message in cases.items():
        assert message in fails(capsys, 2, "convert", *args, "-o", whole)
        assert not whole.exists()


def test_convert_never_replaces_a_file_unless_told(trained, tmp_path, capsys):
    output = tmp_path / "m.tflite"
    output.write_bytes(b"precious")
    model = str(trained / "model.keras")
    assert "exists; give --overwrite" in fails(capsys, 2, "convert", model, "-o", output)
    assert output.read_bytes() == b"precious"
    assert "there is no folder" in fails(capsys, 2, "convert", model, "-o", tmp_path / "none" / "m.tflite")
    assert run(group, ["convert", model, "-o", str(output), "--overwrite"]) == 0
    assert output.read_bytes() == (trained / "model.tflite").read_bytes()


def test_no_command_replaces_what_it_reads(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("model.keras", "model.tflite"):
        Path(name).write_bytes((trained / name).read_bytes())
    for name in ("x.npz", "x.h5", "x.py", "x.json"):
        Path(name).write_bytes(b"precious")
    convert = ["convert", "model.keras", "--weights", "x.h5", "--samples", "x.npz", "--import", "x.py"]
    cases = [[*convert, "-o", name] for name in ("model.keras", "x.npz", "x.h5", "x.py")]
    cases += [[*convert, "-o", "new", "--report", name] for name in ("model.keras", "x.npz", "x.h5", "x.py")]
    cases += [["inspect", "model.tflite", "--html", "model.tflite"]]
    benchmark = ["benchmark", "model.tflite", "--accuracy", "x.json"]
    cases += [[*benchmark, option, name] for option in ("--csv", "--plot") for name in ("model.tflite", "x.json")]
    cases += [["zoo", "pack", "el_resnet26", "--weights", "x.npz", "-o", "x.npz"]]
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for case in cases:
        assert "this command reads it" in fails(capsys, 2, *case, "--overwrite")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_inspect_prints_a_table_and_json(trained, capsys):
    file = str(trained / "model.tflite")
    assert run(group, ["inspect", file]) == 0
    assert "24 binary and 6 float" in capsys.readouterr().out
    assert run(group, ["inspect", file, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["operators"]["LceBconv2d"] == 24
    assert "is not a TFLite model" in fails(capsys, 2, "inspect", trained / "model.keras")


def test_verify_passes_and_fails_with_its_status(trained, tmp_path, capsys):
    file = str(trained / "model.tflite")
    assert run(group, ["verify", str(trained / "model.keras"), file, "--samples", "8", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["samples"] == 8
    other = zoo.ELResNet26(input_shape=(32, 32, 3), classes=10, width=0.125)
    other.save(tmp_path / "other.keras")
    error = fails(capsys, 1, "verify", tmp_path / "other.keras", file, "--samples", "32")
    assert "they part at 'stem_conv'" in error
    assert "there is no file" in fails(capsys, 2, "verify", trained / "model.keras", "none.tflite")
    error = fails(capsys, 2, "verify", "el_resnet26", *SMALL, file)
    assert "'el_resnet26' names a model without weights" in error
    assert "(--weights), or the file of the model" in error


def test_evaluate_takes_keras_and_flatbuffer(trained, capsys):
    accuracies = []
    for name, *extra in (["model.keras"], ["model.tflite"], ["model.tflite", "--runtime", "native"]):
        assert run(group, ["evaluate", str(trained / name), "--limit", "50", "--json", *extra]) == 0
        result = json.loads(capsys.readouterr().out)
        assert result["images"] == 50
        accuracies.append(result["top1"])
    assert accuracies[1:] == pytest.approx([accuracies[0]] * 2, abs=0.02)
    assert "--count must be at least 1" in fails(capsys, 2, "evaluate", trained / "model.keras", "--limit", "0")


CUSTOM = """
import tensorflow as tf


@tf.keras.utils.register_keras_serializable("commands")
class Halve(tf.keras.layers.Layer):
    def call(self, inputs):
        return inputs / 2
"""


@pytest.fixture
def custom(tmp_path):
    """A model with a layer of the user's, whose class Keras has forgotten, and the file that has it."""
    from larq_el.models.custom_objects import import_custom_objects

    path = tmp_path / "own_layers.py"
    path.write_text(CUSTOM)
    import_custom_objects([str(path)])
    image = keras.Input((32, 32, 3))
    x = sys.modules["own_layers"].Halve()(image)
    x = keras.layers.Dense(10, activation="softmax")(keras.layers.GlobalAveragePooling2D()(x))
    keras.Model(image, x).save(tmp_path / "custom.keras")

    def forget():
        sys.modules.pop("own_layers", None)
        for name in ("Halve", "commands>Halve"):
            keras.utils.get_custom_objects().pop(name, None)

    forget()
    yield tmp_path
    forget()


def test_commands_that_load_models_import_the_users_layers(custom, capsys):
    model, packed = custom / "custom.keras", custom / "packed.npz"
    for args in (["evaluate", model, "--limit", "8", "--json"], ["zoo", "pack", model, "-o", packed, "--json"]):
        assert "needs 'Halve' of module 'own_layers'" in fails(capsys, 2, *args)
        assert run(group, [*map(str, args), "--import", str(custom / "own_layers.py")]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document.get("images", 8) == 8
        sys.modules.pop("own_layers")
        keras.utils.get_custom_objects().pop("commands>Halve")
    assert packed.stat().st_size == document["bytes"]


def test_evaluate_takes_no_options_of_keras_models_for_a_flatbuffer(trained, capsys):
    file = trained / "model.tflite"
    for option, value in (("--import", "own_layers.py"), ("--weights", "w.h5")):
        error = fails(capsys, 2, "evaluate", file, option, value)
        assert f"{option} is for Keras models, and '{file}' is a flatbuffer; leave it out." in error


def test_zoo_lists_and_shows(capsys):
    assert run(group, ["zoo", "list", "el_*", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["el_resnet26"]["top1"] == 64.0
    assert run(group, ["zoo", "show", "el_resnet26", *SMALL, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["gammas"]) == 16
    assert run(group, ["zoo", "show", "el_resnet26", *SMALL]) == 0
    shown = capsys.readouterr().out
    assert "16 gammas" in shown
    assert "● │     1x1 binary, 16, stride 2" in shown
    assert "ImageNet top-1 as published (Table 3): 64.0 %." in shown
    assert "cifar10 top-1, width 0.25, 12 epochs of the paper's recipe: 63.2 % (larq-el train el_resnet26" in shown
    assert "did you mean 'el_resnet26'" in fails(capsys, 2, "zoo", "show", "el_resnet62")


def test_zoo_says_which_names_are_one_network_and_what_did_not_converge(capsys):
    assert run(group, ["zoo", "list", "*_resnet26"]) == 0
    assert "el_2_resnet26: the same network as el_3_resnet26\n" in capsys.readouterr().out
    assert run(group, ["zoo", "show", "el_dagger_resnet18", *SMALL]) == 0
    assert "The same network as real_to_bin_resnet18." in capsys.readouterr().out
    assert run(group, ["zoo", "show", "el_dagger_resnet18", *SMALL, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["same_as"] == ["real_to_bin_resnet18"]
    assert run(group, ["zoo", "list", "xnor_mobilenet"]) == 0
    assert "not converged" in capsys.readouterr().out
    assert run(group, ["zoo", "list", "xnor_mobilenet", "--json"]) == 0
    (described,) = json.loads(capsys.readouterr().out)
    assert (described["top1"], described["not_converged"]) == (None, True)
    assert run(group, ["zoo", "show", "xnor_mobilenet", *SMALL]) == 0
    assert 'ImageNet, as published (Table 3): "Not Converge".' in capsys.readouterr().out


def test_zoo_packs_weights_that_other_commands_take(trained, tmp_path, capsys):
    packed = tmp_path / "packed.npz"
    assert run(group, ["zoo", "pack", str(trained / "model.keras"), "-o", str(packed)]) == 0
    assert "24 binary kernels as bits, 0 as float32" in capsys.readouterr().out
    assert packed.stat().st_size * 2 < (trained / "model.keras").stat().st_size
    convert = ["convert", "el_resnet26", *SMALL, "--weights", str(packed), "-o", str(tmp_path / "m.tflite")]
    assert run(group, convert) == 0
    image = np.random.default_rng(0).normal(scale=60, size=(1, 32, 32, 3)).astype(np.float32)
    outputs = [Interpreter(path).predict(image) for path in (tmp_path / "m.tflite", trained / "model.tflite")]
    np.testing.assert_array_equal(*outputs)
    args = ["zoo", "pack", str(trained / "model.keras"), "-o", str(packed), "--keep-latent", "--overwrite", "--json"]
    capsys.readouterr()
    assert run(group, args) == 0
    assert json.loads(capsys.readouterr().out)["bit_kernels"] == 0
    assert "exists; give --overwrite" in fails(capsys, 2, "zoo", "pack", trained / "model.keras", "-o", packed)
    assert "there is no file" in fails(capsys, 2, "zoo", "pack", "gone.keras", "-o", tmp_path / "x.npz")


def test_train_refuses_bad_settings(tmp_path, capsys):
    output = tmp_path / "run"
    cases = {
        ("el_resnet62",): "did you mean 'el_resnet26'",
        ("el_resnet26", "--recipe", "elastic"): "there is no recipe 'elastic'; did you mean 'elastic_link'",
        ("el_resnet26", "--epochs", "0"): "epochs must be above 0",
        ("el_resnet26", "--epochs", "tain=3"): "has no stage 'tain'; did you mean 'train'",
        ("el_resnet26", "--epochs", "many"): "Invalid value for '--epochs': 'many' is not N or STAGE=N",
    }
    for args, message in cases.items():
        assert message in fails(capsys, 2, "train", *args, "--output", output)
        assert not output.exists()


def test_train_then_resume_a_finished_training(tmp_path, capsys):
    args = ["train", "el_resnet26", "--width", "0.125", "--epochs", "1", "--output", str(tmp_path / "run"), "--json"]
    assert run(group, args) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["metrics"][0]["epoch"] == 1
    assert run(group, ["train", "--resume", str(tmp_path / "run"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == first
    assert "resume the training there" in fails(capsys, 2, *args)


def test_train_says_at_once_what_convert_will_refuse(tmp_path, capsys):
    """At 16 px the last maps of ResNet-18 have 2x2 pixels, and its kernels 3x3."""
    args = ["train", "el_resnet18", "--width", "0.0625", "--quick", "--images", "64"]
    assert run(group, [*args, "--input-size", "16", "--output", str(tmp_path / "small")]) == 0
    assert "Note: `larq-el convert` will refuse this network" in capsys.readouterr().err
    assert run(group, [*args, "--input-size", "32", "--output", str(tmp_path / "large")]) == 0
    assert "convert" not in capsys.readouterr().err


def test_an_unknown_command_suggests_the_closest(capsys):
    assert "there is no command 'convret'; did you mean 'convert'" in fails(capsys, 2, "convret")


def test_the_scripts_print_one_sentence_and_no_native_chatter():
    """The installed entry points, in a process of their own: TensorFlow's greetings stay off standard error."""
    code = "from larq_el.cli import lce_convert; lce_convert(['el_resnet62', '-o', 'x.tflite'])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=_without("TF_CPP_MIN_LOG_LEVEL")
    )
    assert result.returncode == 2
    assert result.stderr.startswith("Error: there is no model 'el_resnet62'")
    assert result.stderr.count("\n") == 1


def _without(name):
    return {key: value for key, value in os.environ.items() if key != name}
