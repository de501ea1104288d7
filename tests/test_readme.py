"""The README's Python examples run, and the commands that it names exist."""

import re
from pathlib import Path

import pytest

from larq_el.cli.app import COMMANDS

README = (Path(__file__).parent.parent / "README.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_there_are_examples():
    assert len(EXAMPLES) == 2


@pytest.mark.parametrize("code", EXAMPLES, ids=lambda code: code.splitlines()[0])
def test_the_examples_run(code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    if "print" in code:
        assert capsys.readouterr().out == "24\n"
        assert (tmp_path / "el_resnet26.tflite").stat().st_size < 21e6


def test_the_recipe_of_docs_training_runs(tmp_path, monkeypatch):
    text = (Path(__file__).parent.parent / "docs" / "training.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "docs/training.md", "exec"), {})
    assert (tmp_path / "runs" / "mine" / "model.keras").is_file()


def test_the_commands_exist():
    named = set(re.findall(r"^    larq-el (\w+)", README, re.MULTILINE))
    assert {"train", "inspect", "verify", "evaluate", "benchmark", "zoo"} <= named <= COMMANDS.keys()
