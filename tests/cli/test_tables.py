"""What a table prints is what it was given: rich takes no brackets and colons for markup, a terminal no codes."""

from dataclasses import replace

import numpy as np
import pytest

from larq_el._keras import keras
from larq_el.cli.app import group
from larq_el.cli.exit import run
from larq_el.cli.tables import print_line, print_parts, print_rows
from larq_el.convert import convert, inspect
from larq_el.tables import Table, as_text

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
    print_parts(changed.parts())
    printed = capsys.readouterr().out
    for text in ("layer", "reason", "operator", "unresolved"):
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
        ["verify", "model.keras", file, "--samples", "x.npz"],
        ["inspect", file],
    ):
        assert run(group, args) == 0
        assert file in capsys.readouterr().out


LONG = [["el_resnet26_with_a_long_name.tflite", "lce-indirect", "", "1.23", "what keeps it from that", "1.00"]] * 3
COLUMNS = ["file", "runtime", "device", "MB", "why not, or what has to be set", "ratio"]


@pytest.mark.parametrize("width", [80, 100, 160])
def test_a_table_fits_and_keeps_its_words(width):
    lines = as_text([Table("sizes", COLUMNS, LONG)], width).splitlines()
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for word in ("lce-indirect", "1.23", "keeps", "1.00", "el_resnet26_with_a_long_name.tflite"):
        assert word in text
    assert "device" not in text  # no column without a value


def test_where_even_words_are_too_wide_the_longest_breaks():
    lines = as_text([Table("", ["a", "b"], [["x" * 100, "short"]])], 60).splitlines()
    assert max(map(len, lines)) == 60
    assert "short" in "\n".join(lines)
    assert "".join(lines).count("x") == 100


@pytest.mark.parametrize("width", [80, 100, 160])
@pytest.mark.parametrize("args", [["zoo", "list", "el_*"], ["zoo", "show", "el_resnet26", "--width", "0.25"]])
def test_the_tables_of_the_commands_fit(args, width, monkeypatch, capsys):
    monkeypatch.setattr("larq_el.tables.width_of", lambda stream: width)
    assert run(group, args) == 0
    table = [line for line in capsys.readouterr().out.splitlines() if line[:1] in "│┃"]
    assert table
    assert max(map(len, table)) <= width
    if args[1] == "list" or width > 80:
        assert any("el_resnet26 " in line or "stage1_block1_reduce_conv" in line for line in table)


def test_a_report_shows_itself(linked_model):
    report = convert(linked_model).report
    assert "first" in str(report)
    assert "Proven on a sample" in str(report)
    html = report._repr_html_()
    assert "<td>first</td>" in html
    assert "<table>" in html


@pytest.mark.parametrize(("no_colour", "coloured"), [("", True), ("1", False)])
def test_colours_are_for_terminals_that_want_them(no_colour, coloured, monkeypatch, capsys):
    monkeypatch.setenv("NO_COLOR", no_colour)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    print_parts([Table("", ["a"], [["x"]], frozenset({0}))])
    assert ("\x1b[" in capsys.readouterr().out) == coloured


def test_a_sentence_shows_what_would_move_the_cursor(capsys):
    print_line("\x1b[2Jruns/\x07el\u202e.keras: top-1 \udcff63 %.")
    assert capsys.readouterr().out == "?[2Jruns/?el?.keras: top-1 ?63 %.\n"
