import json
import os
import re
from pathlib import Path

import pytest

from larq_el._keras import keras
from larq_el.cli.app import group
from larq_el.cli.exit import run
from larq_el.convert import convert
from larq_el.tflite.lce import lce


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    image = keras.Input((8, 8, 3))
    path = tmp_path_factory.mktemp("file") / "float.tflite"
    convert(keras.Model(image, keras.layers.Conv2D(4, 3)(image))).save(path)
    return str(path)


def test_a_table_names_what_was_measured_on(file, capsys):
    assert run(group, ["benchmark", file, "--runs", "2"]) == 0
    printed = capsys.readouterr().out
    assert "stock" in printed
    assert "1 thread(s), 2 runs" in printed
    assert "ai-edge-litert" in printed


def test_json_holds_every_run(file, capsys):
    assert run(group, ["benchmark", file, file, "--runs", "3", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [len(result["milliseconds"]) for result in document["results"]] == [3, 3]
    assert document["environment"]["threads"] == 1


def test_damaged_files_exit_with_2(file, tmp_path, capsys):
    content = Path(file).read_bytes()
    for damaged, message in [
        (content[: len(content) // 2], "is a damaged TFLite model"),
        (b"no flatbuffer, but text", "is not a TFLite model"),
        (b"", "is not a TFLite model"),
    ]:
        (tmp_path / "damaged.tflite").write_bytes(damaged)
        assert run(group, ["benchmark", str(tmp_path / "damaged.tflite")]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


def test_what_a_runtime_cannot_run_exits_with_2(tmp_path, capfd):
    image = keras.Input((None, None, 3))
    path = tmp_path / "dynamic.tflite"
    path.write_bytes(lce.convert_keras_model(keras.Model(image, keras.layers.Conv2D(4, 3)(image))))
    capfd.readouterr()
    assert run(group, ["benchmark", str(path), "--runtime", "lce"]) == 2
    errors = [line for line in capfd.readouterr().err.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert "the interpreter of the Larq Compute Engine cannot run " in errors[0]
    assert "dynamic.tflite': " in errors[0]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["none.tflite"], "there is no file 'none.tflite'"),
        ([], "Missing argument 'FILES...'"),
        (["none.tflite", "--runs", "0"], "runs must be at least 1"),
    ],
)
def test_mistakes_exit_with_2(args, message, capsys):
    assert run(group, ["benchmark", *args]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("option", ["--csv", "--plot"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{tmp}/none/results.svg", "there is no folder '.*none'"),
        ("{tmp}/closed/results.svg", "folder '.*closed' is read-only; give another one"),
        ("{tmp}/" + "n" * 300 + ".svg", "File name too long; give another name"),
    ],
)
def test_where_results_cannot_go_is_told_before_the_measurement(
    file, tmp_path, capsys, monkeypatch, option, name, message
):
    (tmp_path / "closed").mkdir()
    access = os.access
    # root may write anywhere
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "closed" and access(path, mode))
    monkeypatch.setattr("larq_el.benchmark.comparison.compare", lambda *args: pytest.fail("was measured"))
    assert run(group, ["benchmark", file, option, name.format(tmp=tmp_path)]) == 2
    error = capsys.readouterr().err
    assert re.search(f"cannot write '.*': .*{message}", error)
    assert error.count("\n") == 1


def test_results_and_picture_are_two_files(file, tmp_path, capsys):
    name = str(tmp_path / "both.svg")
    assert run(group, ["benchmark", file, "--csv", name, "--plot", name]) == 2
    assert f"--csv and --plot are both {name!r}; give two names" in capsys.readouterr().err
