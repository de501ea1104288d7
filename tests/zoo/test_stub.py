"""What editors and type checkers know of the model functions."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from larq_el.zoo.stub import PATH, stub


def test_the_stub_is_what_the_zoo_is():
    assert PATH.read_text() == stub(), "run `python -m larq_el.zoo.stub`"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("zoo.ELResNet26(input_shape=(32, 32, 3), classes=10)", ""),
        ("zoo.create_model('resnet26', method='el')", ""),
        ("zoo.ELResNet62()", 'Module has no attribute "ELResNet62"'),
        ("zoo.ELResNet26(inputshape=3)", 'Unexpected keyword argument "inputshape" for "ELResNet26"'),
        ("zoo.ELResNet26(classes='ten')", 'incompatible type "str"; expected "int"'),
    ],
)
def test_a_type_checker_finds_the_mistake(call, error, tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "user.py").write_text(f"from larq_el import zoo\n\nmodel = {call}\n")
    command = [sys.executable, "-m", "mypy", "--ignore-missing-imports", "--follow-imports=silent", "user.py"]
    where = {**os.environ, "MYPYPATH": str(Path(__file__).parents[2])}
    checked = subprocess.run(command, cwd=tmp_path, env=where, capture_output=True, text=True, check=False)
    assert checked.returncode == bool(error), checked.stdout
    assert error in checked.stdout
