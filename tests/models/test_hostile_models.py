"""Files of unknown origin run nothing: `hostile_models.py` in short, and what hides outside the description."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from larq_el._keras import keras
from larq_el.convert import load_model
from larq_el.errors import UserError
from larq_el.models.safety.nodes import faulty_call

SCRIPT = Path(__file__).parent / "hostile_models.py"


def opened(*args):
    """What the script prints last, as numbers."""
    command = [sys.executable, str(SCRIPT), *args]
    paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths})
    found = re.search(
        r"(\d+) files tried: (\d+) refused, (\d+) loaded, (\d+) did something, (\d+) at fault", done.stdout
    )
    assert found, done.stderr[-2000:]
    return [int(number) for number in found.groups()], done


def test_hostile_files_run_nothing():
    (tried, refused, loaded, ran, faulty), done = opened("--count", "300", "--every", "20")
    assert (ran, faulty, done.returncode) == (0, 0, 0), done.stdout
    assert tried == refused + loaded > 600
    assert refused > 500


@pytest.mark.slow
def test_thousands_of_hostile_files_run_nothing():
    (tried, _, _, ran, faulty), done = opened("--count", "5000")
    assert (ran, faulty) == (0, 0), done.stdout
    assert tried > 10_000


def test_the_same_files_run_things_where_keras_opens_them():
    (_, _, _, ran, _), done = opened("--count", "0", "--every", "97", "--by-keras")
    assert ran > 0
    assert done.returncode == 1
    assert "marshal.loads" in done.stdout


@pytest.fixture
def files(tmp_path):
    """A model of one dense layer, in both formats."""
    image = keras.Input((4,), name="image")
    model = keras.Model(image, keras.layers.Dense(3, name="dense")(image))
    model.save(tmp_path / "model.keras")
    with pytest.warns(UserWarning, match="HDF5"):
        model.save(tmp_path / "model.h5")
    model.save_weights(tmp_path / "other.weights.h5")
    return tmp_path


def rewritten(path, change, *extra):
    """The file with other parts, and more of them."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in [*parts.items(), *extra]:
            archive.writestr(name, content)
    return path


LAMBDA = b'{"class_name": "__lambda__", "config": {"value": ["4wAAAA==", null, null]}, "module": "builtins"}'
KERNEL = "model_weights/dense/dense/kernel:0"


def external(file):
    del file[KERNEL]
    file[KERNEL] = h5py.ExternalLink("other.weights.h5", "/layers/dense/vars/0")


def soft(file):
    del file[KERNEL]
    file[KERNEL] = h5py.SoftLink("/model_weights")


def virtual(file):
    del file[KERNEL]
    layout = h5py.VirtualLayout((4, 3), "f4")
    layout[:] = h5py.VirtualSource("other.weights.h5", "/layers/dense/vars/0", (4, 3))
    file.create_virtual_dataset(KERNEL, layout)


@pytest.mark.parametrize("change", [external, soft, virtual])
@pytest.mark.parametrize("inside", [False, True])
def test_arrays_of_other_files_are_refused(change, inside, files):
    path = files / "model.h5"
    with h5py.File(path, "r+") as file:
        change(file)
    if inside:
        content = path.read_bytes()
        path = rewritten(files / "model.keras", lambda parts: parts.update({"model.weights.h5": content}))
    with pytest.raises(UserError, match="is not safe to open: '.*kernel:0' is kept in another file"):
        load_model(path)
    if not inside:
        with pytest.raises(UserError, match="is not safe to open: '.*kernel:0' is kept in another file"):
            load_model("el_resnet26", weights=path, input_shape=(32, 32, 3), width=0.25)


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_keras_reads_what_was_checked(files):
    """Of two descriptions, two keys of one name, another encoding: whichever is checked is the one that is built."""
    with zipfile.ZipFile(files / "model.keras") as archive:
        good = archive.read("config.json")
    twice = rewritten(files / "model.keras", lambda parts: parts.update({"config.json": LAMBDA}), ("config.json", good))
    assert load_model(twice).layers[-1].units == 3
    rewritten(files / "model.keras", dict, ("config.json", LAMBDA))
    with pytest.raises(UserError, match="holds the code of a Lambda layer"):
        load_model(files / "model.keras")
    keys = good.replace(b'"class_name": "Functional"', b'"class_name": "Lambda", "class_name": "Functional"', 1)
    assert load_model(rewritten(files / "model.keras", lambda p: p.update({"config.json": keys}))).layers[-1].units == 3
    wide = good.decode().encode("utf-16")
    assert load_model(rewritten(files / "model.keras", lambda p: p.update({"config.json": wide}))).layers[-1].units == 3


def test_other_parts_of_a_zip_are_left_where_they_are(files):
    extra = [
        ("Config.json", LAMBDA),
        ("assets/x.npz", b"pickle"),
        ("model.weights.npz", b"pickle"),
        ("setup.py", b"1/0"),
    ]
    assert load_model(rewritten(files / "model.keras", dict, *extra)).layers[-1].units == 3


def test_the_training_of_an_old_file_is_not_read(files):
    with h5py.File(files / "model.h5", "r+") as file:
        file.attrs["training_config"] = "{not even JSON"
        file.create_group("optimizer_weights")["x"] = np.zeros(3)
    assert load_model(files / "model.h5").layers[-1].units == 3


def test_an_old_file_without_weights_is_damaged(files):
    with h5py.File(files / "model.h5", "r+") as file:
        del file["model_weights"]
    with pytest.raises(UserError, match="is damaged: it lacks model_weights; save the model again"):
        load_model(files / "model.h5")
    with h5py.File(files / "model.h5", "r+") as file:
        file.attrs["model_config"] = np.zeros(5000, "S4000")[:8]
    with pytest.raises(UserError, match="is damaged"):
        load_model(files / "model.h5")


def described(path, change):
    """The file with another description."""

    def edit(parts):
        config = json.loads(parts["config.json"])
        change({layer["name"]: layer for layer in config["config"]["layers"]})
        parts["config.json"] = json.dumps(config)

    return rewritten(path, edit)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_file_of_a_layer_alone_is_no_model(suffix, files):
    layer = {"module": "keras.layers", "class_name": "Flatten", "config": {}, "registered_name": None}
    path = files / f"model.{suffix}"
    if suffix == "h5":
        with h5py.File(path, "r+") as file:
            file.attrs["model_config"] = json.dumps(layer)
    else:
        rewritten(path, lambda parts: parts.update({"config.json": json.dumps(layer)}))
    with pytest.raises(UserError, match="holds no Keras model that can be read: .*(Flatten|'vars'|weight)"):
        load_model(path)


def test_a_variable_that_the_file_can_not_hold_is_not_made(files):
    def widen(layers):
        layers["image"]["config"]["batch_input_shape"] = [None, 1 << 40]
        layers["dense"].pop("build_config")

    with pytest.raises(UserError, match=r"a variable 'kernel' of shape \(1099511627776, 3\) does not go into its"):
        load_model(described(files / "model.keras", widen))


NODES = {
    "itself": [[["dense", 0, 0, {}]]],
    "a later call": [[["image", 0, 0, {}]], [["dense", 5, 0, {}]]],
    "no layer": [[["nothing", 0, 0, {}]]],
    "a constant alone": [[["_CONSTANT_VALUE", -1, [[1.0] * 4], {}]]],
}


@pytest.mark.parametrize("case", NODES)
def test_a_call_without_inputs_is_refused(case, files):
    path = described(files / "model.keras", lambda layers: layers["dense"].update(inbound_nodes=NODES[case]))
    with pytest.raises(UserError, match="is damaged: the inputs of layer 'dense' come from nowhere"):
        load_model(path)


def test_calls_of_models_inside_are_counted_as_keras_counts_them():
    image = keras.Input((4,))
    inner = keras.Model(image, keras.layers.Dense(4)(image))
    late = keras.Sequential([keras.layers.Dense(4)])
    x = late(inner(inner(late(image))))
    assert faulty_call(keras.Model(image, x).get_config()) is None


REFUSED = {
    "a function of Keras": ({"activation": ("keras.utils", "get_file")}, "names 'get_file' of module 'keras.utils'"),
    "one of ours": (
        {"activation": ("larq_el.models.custom_objects", "import_custom_objects")},
        "names 'import_custom_objects' of module 'larq_el.models.custom_objects', which no file may",
    ),
    "a builtin": ({"activation": ("builtins", "eval")}, "names 'eval' of module 'builtins'"),
    "another module's": ({"activation": ("os", "system")}, "needs 'system' of module 'os', which is neither of Keras"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_sentence_says_what_is_named(case, files):
    values, sentence = REFUSED[case]
    values = {
        key: {"module": module, "class_name": "function", "config": name, "registered_name": "function"}
        if module == "builtins"
        else {"module": module, "class_name": "function", "config": name, "registered_name": name}
        for key, (module, name) in values.items()
    }
    path = described(files / "model.keras", lambda layers: layers["dense"]["config"].update(values))
    with pytest.raises(UserError, match=sentence):
        load_model(path)


PARTS = {
    "a file to read": ("StringLookup", {"vocabulary": "/etc/passwd"}, "names another file, '/etc/passwd', to be read"),
    "an operator": ("TFOpLambda", {"function": "io.write_file"}, "the function 'io.write_file' of TensorFlow"),
    "a constant": ("__numpy__", {"value": [0], "dtype": "S4000000000"}, "names a constant of type 'S4000000000'"),
    "a tensor's type": ("__typespec__", {}, r"names a type of tensor \(__typespec__\)"),
    "an optimizer": ("Custom>Adam", {}, "names 'Custom>Adam', which no file may"),
    "a registered name": ("Dense", {}, "names 'Dense' of module 'keras.layers', which no file may"),
}


@pytest.mark.parametrize("case", PARTS)
def test_the_sentence_says_which_part(case, files):
    name, config, sentence = PARTS[case]
    part = {"class_name": name, "config": config}
    if name == "Dense":
        part.update(module="keras.layers", registered_name="Custom>Adam")
    if name == "StringLookup":
        part.update(module="keras.layers")
    path = described(files / "model.keras", lambda layers: layers["dense"]["config"].update(more=part))
    with pytest.raises(UserError, match=sentence):
        load_model(path)
