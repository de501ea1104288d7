"""Broken and hostile files, through the commands: one sentence, exit status 2, no file left, bounded memory and time.

Exit status 1 where a check failed: the file can be read, and is not what it should be.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest

from larq_el._keras import keras, lq, tf
from larq_el.cli.app import group
from larq_el.cli.exit import run
from larq_el.convert import convert
from larq_el.errors import UserError
from larq_el.tflite import probe
from larq_el.tflite.flatbuffer import Flatbuffer

BINARY = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}


def build(name="small"):
    image = keras.Input((32, 32, 3), name="image")
    x = keras.layers.Conv2D(32, 3, strides=4, name="stem")(image)
    x = lq.layers.QuantConv2D(32, 1, name="binary", **BINARY)(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.BatchNormalization(name="norm")(x))
    return keras.Model(image, keras.layers.Dense(10, activation="softmax", name="classifier")(x), name=name)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The files that the hostile ones are made of."""
    folder = tmp_path_factory.mktemp("good")
    model = build()
    model.save(folder / "model.keras")
    with pytest.warns(UserWarning, match="HDF5"):
        model.save(folder / "model.h5")
    model.save(folder / "saved", save_format="tf")
    model.save_weights(folder / "model.weights.h5")
    convert(model).save(folder / "model.tflite")
    return folder


@pytest.fixture
def hostile(good, tmp_path):
    """A folder with copies of the good files, to be spoilt."""
    folder = tmp_path / "hostile"
    shutil.copytree(good, folder)
    return folder


def fails(capfd, status, *args):
    """Runs a command that has to fail and returns its one sentence."""
    capfd.readouterr()
    assert run(group, list(map(str, args))) == status
    printed = capfd.readouterr()
    lines = printed.err.strip().split("\n")
    assert len(lines) == 1, printed.err
    assert lines[0].startswith("Error: ")
    return lines[0]


# What is done to the files. Each returns the path of the spoilt one.


def truncated(folder, name, share=0.5):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(len(content) * share)])
    return folder / name


def replaced(folder, name, content):
    (folder / name).write_bytes(content)
    return folder / name


def flipped(folder, name, position, bit=0x80):
    content = bytearray((folder / name).read_bytes())
    content[position] ^= bit
    return replaced(folder, name, bytes(content))


def hdf5(folder, change, name="model.h5"):
    with h5py.File(folder / name, "r+") as file:
        change(file)
    return folder / name


def zipped(folder, change, extra=()):
    """Writes the .keras file anew, with changed parts."""
    path = folder / "model.keras"
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
        for name, content in extra:
            archive.writestr(name, content)
    return path


def with_config(folder, change):
    def edit(parts):
        config = json.loads(parts["config.json"])
        change({layer["config"]["name"]: layer for layer in config["config"]["layers"]})
        parts["config.json"] = json.dumps(config).encode()

    return zipped(folder, edit)


def kernel_as(folder, layer, value):
    """A .keras file with a value in a layer's kernel."""
    model = build()
    model.get_layer(layer).kernel.assign(tf.fill(model.get_layer(layer).kernel.shape, value))
    model.save(folder / "model.keras")
    return folder / "model.keras"


def missing_dataset(file):
    del file["model_weights/stem/stem/kernel:0"]


def wrong_shape(file):
    missing_dataset(file)
    file["model_weights/stem/stem/kernel:0"] = np.zeros((5, 5, 3, 32), np.float32)


def wrong_type(file):
    missing_dataset(file)
    file["model_weights/stem/stem/kernel:0"] = np.array([b"text"] * 3)


def bomb_in_hdf5(file):
    missing_dataset(file)
    file["model_weights/stem/stem"].create_dataset(
        "kernel:0", shape=(1 << 28,), chunks=(1 << 20,), compression="gzip", dtype="f4", fillvalue=0
    )


def elsewhere(file):
    missing_dataset(file)
    file["model_weights/stem/stem"].create_dataset(
        "kernel:0", shape=(3, 3, 3, 32), dtype="f4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)]
    )


def with_lambda(folder, name):
    image = keras.Input((32, 32, 3))
    model = keras.Model(image, keras.layers.Lambda(lambda x: x * 2.0)(image))
    if name.endswith(".h5"):
        with pytest.warns(UserWarning, match="HDF5"):
            model.save(folder / name)
    else:
        model.save(folder / name)
    return folder / name


def fifo(folder, name):
    os.mkfifo(folder / name)
    return folder / name


def directory(folder, name):
    (folder / name).mkdir()
    return folder / name


def saved(folder, change):
    change(folder / "saved")
    return folder / "saved"


def set_config(name, **values):
    return lambda layers: layers[name]["config"].update(values)


KERAS_FILES = {
    "an empty .h5": (lambda f: replaced(f, "model.h5", b""), "is not an HDF5 file"),
    "an empty .keras": (lambda f: replaced(f, "model.keras", b""), "is not a Keras file"),
    "a text named .h5": (lambda f: replaced(f, "model.h5", b"not a model at all"), "is not an HDF5 file"),
    "a .keras named .h5": (lambda f: shutil.copy(f / "model.keras", f / "model.h5"), "is not an HDF5 file"),
    "a flatbuffer": (lambda f: f / "model.tflite", "its name must end in .h5, .hdf5 or .keras"),
    "a truncated .h5": (lambda f: truncated(f, "model.h5"), "is damaged: .*truncated"),
    "an .h5 of its signature": (lambda f: replaced(f, "model.h5", b"\x89HDF\r\n\x1a\n"), "is damaged"),
    "a truncated .keras": (lambda f: truncated(f, "model.keras"), "is not a Keras file"),
    "a .keras with a flipped bit": (lambda f: flipped(f, "model.keras", 5000), "is damaged|holds no Keras model"),
    "weights alone": (lambda f: f / "model.weights.h5", "has weights alone; they go with --weights"),
    "HDF5 without a dataset": (lambda f: hdf5(f, missing_dataset), "holds no Keras model that can be read"),
    "HDF5 of a wrong shape": (lambda f: hdf5(f, wrong_shape), "holds no Keras model that can be read"),
    "HDF5 of strings": (lambda f: hdf5(f, wrong_type), "holds no Keras model that can be read"),
    "HDF5 with data elsewhere": (lambda f: hdf5(f, elsewhere), "is kept in another file"),
    "HDF5 with broken JSON": (lambda f: hdf5(f, lambda h: h.attrs.modify("model_config", "{")), "is damaged"),
    "HDF5 bomb": (lambda f: hdf5(f, bomb_in_hdf5), "unpack to 1,0"),
    "a Lambda in .h5": (lambda f: with_lambda(f, "model.h5"), "holds the code of a Lambda layer"),
    "a Lambda in .keras": (lambda f: with_lambda(f, "model.keras"), "holds the code of a Lambda layer"),
    "no config.json": (lambda f: zipped(f, lambda p: p.pop("config.json")), "it lacks config.json"),
    "no weights": (lambda f: zipped(f, lambda p: p.pop("model.weights.h5")), "it lacks model.weights.h5"),
    "wrong JSON": (lambda f: zipped(f, lambda p: p.update({"config.json": b"{]"})), "is damaged"),
    "deep JSON": (lambda f: zipped(f, lambda p: p.update({"config.json": b"[" * 200_000})), "is damaged"),
    "JSON of a list": (lambda f: zipped(f, lambda p: p.update({"config.json": b"[]"})), "it describes no model"),
    "JSON of no model": (lambda f: zipped(f, lambda p: p.update({"config.json": b"{}"})), "it describes no model"),
    "a long description": (lambda f: zipped(f, lambda p: p.update({"config.json": b" " * (17 << 20)})), "config.json"),
    "a path out of the zip": (lambda f: zipped(f, dict, [("../../evil", b"x")]), "a file for another folder"),
    "an absolute path": (lambda f: zipped(f, dict, [("/tmp/evil", b"x")]), "a file for another folder"),
    "no HDF5 in the zip": (lambda f: zipped(f, lambda p: p.update({"model.weights.h5": b"x" * 99})), "is damaged"),
    "code of another module": (lambda f: with_config(f, lambda c: c["stem"].update(module="os")), "--import"),
    "no such layer": (
        lambda f: with_config(f, lambda c: c["stem"].update(class_name="Nothing")),
        "holds no Keras model",
    ),
    "no filters": (lambda f: with_config(f, set_config("binary", filters=0)), "filters.*0"),
    "enormous filters": (lambda f: with_config(f, set_config("stem", filters=1 << 40)), "has 1099511627776 filters"),
    "an empty image": (
        lambda f: with_config(f, set_config("image", batch_input_shape=[None, 0, 0, 3])),
        "holds no Keras model|size of 0",
    ),
    "another model's weights": (lambda f: with_config(f, set_config("binary", filters=16)), "holds no Keras model"),
    "NaN": (lambda f: kernel_as(f, "stem", float("nan")), "weight 'kernel' of layer 'stem' holds NaN"),
    "infinity": (lambda f: kernel_as(f, "classifier", float("inf")), "of layer 'classifier' holds an infinite value"),
    "a folder named .h5": (lambda f: directory(f, "x.h5"), "is not a SavedModel: it holds no saved_model.pb"),
    "a pipe": (lambda f: fifo(f, "x.keras"), "is not a regular file"),
    "a name that no file can have": (lambda f: "x" * 5000 + ".h5", "cannot read"),
    "a name with a zero": (lambda f: "x\0.h5", "cannot read|there is no file"),
    "a SavedModel of garbage": (
        lambda f: saved(f, lambda s: (s / "saved_model.pb").write_bytes(b"garbage" * 99)),
        "is a damaged SavedModel",
    ),
    "an empty SavedModel": (
        lambda f: saved(f, lambda s: (s / "saved_model.pb").write_bytes(b"")),
        "is a damaged SavedModel|without a signature",
    ),
    "a SavedModel without variables": (
        lambda f: saved(f, lambda s: shutil.rmtree(s / "variables")),
        "is a damaged SavedModel",
    ),
    "a SavedModel of truncated variables": (
        lambda f: saved(f, lambda s: truncated(s / "variables", "variables.data-00000-of-00001", 0.1)),
        "is a damaged SavedModel",
    ),
}


@pytest.mark.parametrize("case", KERAS_FILES)
def test_a_hostile_model_is_refused_in_a_sentence(case, hostile, capfd):
    spoil, message = KERAS_FILES[case]
    path = spoil(hostile)
    output = hostile / "converted.tflite"
    before = sorted(hostile.iterdir())
    error = fails(capfd, 2, "convert", path, "-o", output)
    assert re.search(message, error), error
    assert sorted(hostile.iterdir()) == before


WEIGHTS_FILES = {
    "none": (lambda f: f / "none.h5", "there is no file"),
    "a folder": (lambda f: directory(f, "x.npz"), "is not a weights file"),
    "empty": (lambda f: replaced(f, "model.h5", b""), "is not an HDF5 file"),
    "truncated": (lambda f: truncated(f, "model.weights.h5"), "is damaged"),
    "a bomb": (lambda f: hdf5(f, bomb_in_hdf5), "unpack to 1,0"),
    "an empty .npz": (lambda f: replaced(f, "x.npz", b""), "x.npz"),
    "another model's": (lambda f: f / "model.weights.h5", "does not hold the weights of 'el_resnet26'"),
}


@pytest.mark.parametrize("case", WEIGHTS_FILES)
def test_hostile_weights_are_refused_in_a_sentence(case, hostile, capfd):
    spoil, message = WEIGHTS_FILES[case]
    path = spoil(hostile)
    output = hostile / "converted.tflite"
    args = ["el_resnet26", "--input-size", "32", "--width", "0.125", "--weights", path, "-o", output]
    assert re.search(message, fails(capfd, 2, "convert", *args))
    assert not output.exists()


def shared_parts(folder):
    """A flatbuffer of a few kilobytes whose many subgraphs are all the same one."""
    import flatbuffers

    builder = flatbuffers.Builder(0)
    count = 3000
    builder.StartVector(4, count, 4)
    for _ in range(count):
        builder.PrependInt32(0)
    indices = builder.EndVector()
    builder.StartObject(10)  # an operator
    builder.PrependUOffsetTRelativeSlot(1, indices, 0)
    operator = builder.EndObject()
    builder.StartVector(4, count, 4)
    for _ in range(count):
        builder.PrependUOffsetTRelative(operator)
    operators = builder.EndVector()
    builder.StartObject(5)  # a subgraph
    builder.PrependUOffsetTRelativeSlot(3, operators, 0)
    graph = builder.EndObject()
    builder.StartVector(4, 1, 4)
    builder.PrependUOffsetTRelative(graph)
    graphs = builder.EndVector()
    builder.StartObject(8)  # a model
    builder.PrependUOffsetTRelativeSlot(2, graphs, 0)
    builder.Finish(builder.EndObject(), b"TFL3")
    return replaced(folder, "bomb.tflite", bytes(builder.Output()))


FLATBUFFERS = {
    "empty": (lambda f: replaced(f, "model.tflite", b""), "is not a TFLite model"),
    "its first bytes": (lambda f: truncated(f, "model.tflite", 0.01), "damaged"),
    "half of it": (lambda f: truncated(f, "model.tflite"), "damaged"),
    "all but its end": (lambda f: truncated(f, "model.tflite", 0.9), "damaged"),
    "a Keras file": (lambda f: shutil.copy(f / "model.keras", f / "model.tflite"), "is not a TFLite model"),
    "a flipped root": (lambda f: flipped(f, "model.tflite", 2), "damaged"),
    "garbage behind its identifier": (
        lambda f: replaced(f, "model.tflite", b"\x20\0\0\0TFL3" + bytes(range(256)) * 8),
        "damaged",
    ),
    "parts that are shared": (shared_parts, "names more parts than its .* bytes can hold"),
    "a folder": (lambda f: directory(f, "x.tflite"), "is not a regular file"),
    "a pipe": (lambda f: fifo(f, "x.tflite"), "is not a regular file"),
    "a name that no file can have": (lambda f: "x" * 5000 + ".tflite", "cannot read"),
    "nothing": (lambda f: f / "none.tflite", "there is no file"),
}


@pytest.mark.parametrize("command", ["inspect", "verify", "evaluate"])
@pytest.mark.parametrize("case", FLATBUFFERS)
def test_a_hostile_flatbuffer_is_refused_in_a_sentence(case, command, hostile, capfd):
    spoil, message = FLATBUFFERS[case]
    path = spoil(hostile)
    model = [hostile / "model.keras"] if command == "verify" and case != "a Keras file" else []
    if command == "verify" and not model:
        model = [hostile / "model.h5"]
    assert re.search(message, fails(capfd, 2, command, *model, path))


def test_any_bit_may_be_flipped(good, tmp_path, capfd):
    content = (good / "model.tflite").read_bytes()
    path = tmp_path / "flipped.tflite"
    generator = np.random.default_rng(0)
    statuses = set()
    for _ in range(300):
        spoilt = bytearray(content)
        for position in generator.integers(0, len(content), generator.integers(1, 5)):
            spoilt[position] ^= 1 << generator.integers(8)
        path.write_bytes(spoilt)
        statuses.add(run(group, ["inspect", str(path), "--json"]))
        printed = capfd.readouterr()
        assert printed.err.count("\n") <= 1
    assert statuses == {0, 2}


def test_names_in_a_file_do_nothing_to_the_terminal(hostile, capfd):
    content = (hostile / "model.tflite").read_bytes()
    for old, new in ((b"small/", b"[/b]\x1b["), (b"stem/", b"[red]")):
        assert old in content
        content = content.replace(old, new)
    replaced(hostile, "model.tflite", content)
    assert run(group, ["inspect", str(hostile / "model.tflite")]) == 0
    printed = capfd.readouterr().out
    assert "\x1b" not in printed
    assert "[/b]?[" in printed


def test_the_page_of_inspect_replaces_no_file_unless_told(hostile, capfd):
    file, html = str(hostile / "model.tflite"), hostile / "page.html"
    html.write_text("precious")
    assert "exists; give --overwrite" in fails(capfd, 2, "inspect", file, "--html", html)
    assert html.read_text() == "precious"
    assert run(group, ["inspect", file, "--html", str(html), "--overwrite"]) == 0
    assert "<svg" in html.read_text()
    assert "there is no folder" in fails(capfd, 2, "inspect", file, "--html", hostile / "none" / "page.html")


def test_a_full_disk_is_said_and_leaves_no_file(hostile, capfd, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("larq_el.files.os.replace", full)
    before = sorted(hostile.iterdir())
    output = hostile / "out.tflite"
    assert "No space left on device" in fails(capfd, 2, "convert", hostile / "model.keras", "-o", output)
    html = ["--html", hostile / "page.html"]
    assert "No space left on device" in fails(capfd, 2, "inspect", hostile / "model.tflite", *html)
    assert sorted(hostile.iterdir()) == before


def test_a_flatbuffer_of_another_model_fails_the_check(hostile, capfd):
    keras.utils.set_random_seed(99)
    build().save(hostile / "other.keras")
    error = fails(capfd, 1, "verify", hostile / "other.keras", hostile / "model.tflite")
    assert "they part at 'stem'" in error
    image = keras.Input((32, 32, 3))
    keras.Model(image, keras.layers.Flatten()(image), name="flat").save(hostile / "flat.keras")
    error = fails(capfd, 2, "verify", hostile / "flat.keras", hostile / "model.tflite")
    assert "is not a conversion of 'flat': it maps (32, 32, 3) to (10,), the model maps (32, 32, 3) to (3072,)" in error


@pytest.mark.parametrize("layer", ["stem", "classifier"])
def test_a_flatbuffer_that_computes_nan_fails_the_check(layer, hostile, capfd):
    model = keras.models.load_model(hostile / "model.keras")
    kernel = np.moveaxis(model.get_layer(layer).get_weights()[0], -1, 0)
    content = bytearray((hostile / "model.tflite").read_bytes())
    at = bytes(content).index(np.ascontiguousarray(kernel).tobytes())
    content[at : at + 4] = np.float32(np.nan).tobytes()
    path = replaced(hostile, "model.tflite", bytes(content))
    assert "they part at" in fails(capfd, 1, "verify", hostile / "model.keras", path)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", r"LCE's interpreter crashes on it \(SIGSEGV\)"),
        ("import time; time.sleep(60)", "does not finish one inference within 1 s"),
        ("print('no such kernel.'); raise SystemExit(3)", "cannot run 'f': no such kernel\\."),
        ("raise SystemExit(4)", "it ends with status 4"),
    ],
)
def test_what_the_interpreter_does_to_its_process_is_said(code, message, monkeypatch):
    monkeypatch.setattr(probe, "COMMAND", ("-c", code))
    with pytest.raises(UserError, match=message):
        probe.check_runs(b"", "'f'", seconds=1)


def test_an_image_of_enormous_size_takes_no_memory(hostile):
    content = Flatbuffer(hostile / "model.tflite")
    probe.check_runs(content.content, "'f'")
    shape = np.array([1, 32, 32, 3], np.int32).tobytes()
    large = content.content.replace(shape, np.array([1, 40_000, 40_000, 3], np.int32).tobytes())
    with pytest.raises(UserError, match="damaged|cannot run"):
        probe.check_runs(large, "'f'", most_bytes=4 << 30)


def zip_bomb(folder):
    with zipfile.ZipFile(folder / "bomb.keras", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("config.json", "{}")
        with archive.open("model.weights.h5", "w", force_zip64=True) as part:
            for _ in range(64):
                part.write(bytes(1 << 24))
    return folder / "bomb.keras"


BOMBS = {
    "zip": zip_bomb,
    "HDF5": lambda f: hdf5(f, bomb_in_hdf5),
    "flatbuffer": shared_parts,
}
IN_A_PROCESS = """
import resource, sys
from larq_el.cli.app import group
from larq_el.cli.exit import run
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
import larq_el._keras
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
status = run(group, sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
sys.exit(status)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux alone")
@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_takes_little_memory_and_time(kind, hostile):
    path = BOMBS[kind](hostile)
    args = ["inspect", path] if kind == "flatbuffer" else ["convert", path, "-o", hostile / "out.tflite"]
    command = [sys.executable, "-c", IN_A_PROCESS, *map(str, args)]
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert "Traceback" not in done.stderr
    # of the gigabyte that it would unpack to
    assert int(done.stdout) < 200_000
    assert not (hostile / "out.tflite").exists()


def test_a_report_that_cannot_be_written_is_one_sentence(tmp_path, capsys):
    output, report = tmp_path / "m.tflite", tmp_path / "gone" / "r.json"
    small = ["--input-size", "32", "--classes", "4", "--width", "0.125"]
    assert run(group, ["convert", "s_resnet26", *small, "-o", str(output), "--report", str(report)]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("Error: ")
    assert "\n" not in error
    assert "r.json" in error
