"""What a table prints is what it was given: rich takes no brackets and colons for markup, a terminal no codes."""

from dataclasses import replace

import numpy as np
import pytest

from larq_el._keras import keras
from larq_el.cli.app import group, run
from larq_el.cli.tables import print_report, print_rows
from larq_el.convert import convert, inspect

NAMES = ["[red]", "[/]", "[/b]x", r"\[red]", "a[0]", ":smile:", "[link=http://x]y"]


@pytest.mark.parametrize("name", NAMES)
def test_a_table_prints_names_as_they_are(name, capsys):
    print_rows(f"title {name}", ["layer", f"column {name}"], [[f"cell {name}", "1"]])
    printed = capsys.readouterr().out
    for text in ("title", "column", "cell"):
        assert f"{text} {name}" in printed


def test_a_table_shows_control_characters_as_question_marks(capsys):
    print_rows("a\x1b[31m", ["layer"], [["b\x07\nc"]])
    printed = capsys.readouterr().out
    assert "a?[31m" in printed
    assert "b??c" in printed
    assert "\x1b" not in printed


@pytest.mark.parametrize("name", NAMES)
def test_a_report_prints_names_as_they_are(name, capsys):
    image = keras.Input((4, 4, 3))
    report = inspect(convert(keras.Model(image, keras.layers.Conv2D(4, 3)(image))).flatbuffer)
    (conv,) = report.convolutions
    changed = replace(
        report,
        convolutions=(replace(conv, layer=f"layer {name}", reason=f"reason {name}\x1b"),),
        operators={f"operator {name}": 1},
        unresolved=(f"unresolved {name}",),
    )
    print_report(changed, f"title {name}")
    printed = capsys.readouterr().out
    for text in ("layer", "reason", "operator", "unresolved", "title"):
        assert f"{text} {name}" in printed
    assert "\x1b" not in printed


def test_the_commands_print_names_of_files_as_they_are(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # titles are folded to the width of their table
    image = keras.Input((4, 4, 3), name="image")
    model = keras.Model(image, keras.layers.Dense(2)(keras.layers.Flatten()(keras.layers.Conv2D(4, 3)(image))))
    model.save("model.keras")
    np.savez("x.npz", image=np.ones((2, 4, 4, 3), np.float32))
    file = "[red]a[0].tflite"
    for args in (
        ["convert", "model.keras", "-o", file],
        ["verify", "model.keras", file, "--inputs", "x.npz"],
        ["inspect", file],
    ):
        assert run(group, args) == 0
        assert file in capsys.readouterr().out
