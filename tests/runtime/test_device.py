"""A device: larq_el_runtime in an environment of its own, without TensorFlow."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest

from larq_el import zoo
from larq_el._keras import keras
from larq_el.convert import convert

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    """The folder of the environment's programs, and a folder with a model and samples."""
    folder = tmp_path_factory.mktemp("device")
    environment = {**os.environ, "LARQ_EL_DISTRIBUTION": "runtime"}
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    wheel = [*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(CHECKOUT)]
    subprocess.run(wheel, check=True, env=environment, capture_output=True)
    venv.create(folder / "venv", with_pip=True)
    (built,) = folder.glob("larq_el_runtime-*.whl")
    install = [folder / "venv/bin/python", "-m", "pip", "install", "--quiet", str(built)]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no package index: {done.stderr.strip().splitlines()[-1]}")
    keras.utils.set_random_seed(0)
    model = zoo.ELResNet18(input_shape=(64, 64, 3), classes=10, width=0.25, pad_values=1)
    convert(model).save(folder / "el.tflite")
    images = np.random.default_rng(0).normal(scale=60, size=(20, 64, 64, 3)).astype(np.float32)
    labels = model.predict_on_batch(images).argmax(axis=-1)
    np.savez(folder / "samples.npz", image=images, labels=labels)
    model.save(folder / "model.keras")
    return folder


def call(device, *args):
    # a log level that is set shows what native code prints
    hidden = ("PYTHONPATH", "TF_CPP_MIN_LOG_LEVEL")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    command = [device / "venv/bin/larq-el", *args]
    return subprocess.run(command, cwd=device, env=environment, capture_output=True, text=True, check=False)


def test_there_is_no_tensorflow(device):
    listed = subprocess.run(
        [device / "venv/bin/python", "-m", "pip", "list"], capture_output=True, text=True, check=True
    )
    assert "larq_el_runtime" in listed.stdout
    for package in ("tensorflow", "larq ", "h5py", "matplotlib"):
        assert package not in listed.stdout


def test_what_works_there(device):
    report = json.loads(call(device, "inspect", "el.tflite", "--json").stdout)
    assert [runtime["name"] for runtime in report["runtimes"] if runtime["runs"]] == [
        "Larq Compute Engine",
        "larq_el.runtime",
    ]
    document = json.loads(call(device, "benchmark", "el.tflite", "--runs", "2", "--json").stdout)
    assert [result["runtime"] for result in document["results"]] == ["native"]
    for runtime in ([], ["--runtime", "native"]):
        done = call(device, "evaluate", "el.tflite", *runtime, "--samples", "samples.npz", "--json")
        assert json.loads(done.stdout)["top1"] >= 0.95, done.stderr
    assert call(device, "--help").returncode == 0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["zoo", "list"], "this needs tensorflow, which is not installed: pip install 'larq_el_runtime[convert]'"),
        (["train", "el_resnet26", "--output", "run"], "this needs tensorflow"),
        (["convert", "el_resnet26", "-o", "x.tflite"], "this needs tensorflow"),
        (["verify", "model.keras", "el.tflite"], "this needs tensorflow"),
        (["evaluate", "el.tflite"], "this needs tensorflow"),
        (["evaluate", "model.keras"], "this needs tensorflow"),
        (["zoo", "pack", "model.keras", "-o", "x.npz"], "this needs tensorflow"),
        (["demo"], "this needs tensorflow"),
        (["benchmark", "el.tflite", "--runtime", "lce"], "runtime 'lce' is not installed: "),
        (["evaluate", "el.tflite", "--runtime", "lce"], "installed here: native, stock"),
        (["benchmark", "el.tflite", "--plot", "x.png"], "pictures need matplotlib"),
    ],
)
def test_what_does_not_says_what_to_install(device, args, message):
    done = call(device, *args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
