"""Packages import one way, see `[tool.importlinter]` in pyproject.toml; imports inside functions count."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("importlinter")
ROOT = Path(__file__).parents[1]


def lint(folder):
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_imports_go_down():
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout
    assert "3 kept, 0 broken" in result.stdout


@pytest.mark.parametrize(
    ("package", "line"),
    [
        ("tflite", "def late():\n    from larq_el.convert import convert"),  # up, and only when called
        ("runtime", "from larq_el.tflite import flatbuffer"),
        ("convert/report", "from larq_el.convert.proof import prover"),
        ("unlisted", ""),  # a new package has to be given its floor
    ],
)
def test_an_arrow_up_is_found(package, line, tmp_path):
    ignored = shutil.ignore_patterns("__pycache__", "lib")
    shutil.copytree(ROOT / "larq_el", tmp_path / "larq_el", ignore=ignored)  # the links as folders
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    target = tmp_path / "larq_el" / package
    target.mkdir(exist_ok=True)
    (target / "wrong.py").write_text(f"{line}\n")
    (target / "__init__.py").touch()
    result = lint(tmp_path)
    assert result.returncode == 1, result.stdout
    assert f"larq_el.{package.replace('/', '.')}" in result.stdout
