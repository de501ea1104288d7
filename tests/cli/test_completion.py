"""What bash offers after a tab."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(sys.executable).parent


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("larq-el conv", ["plain,convert"]),
        ("larq-el convert --float-ops int", ["plain,int8", "plain,int8-static"]),
        ("larq-el benchmark --runtime l", ["plain,lce", "plain,lce-indirect"]),
        ("larq-el verify --sam", ["plain,--samples"]),
        ("larq-el inspect x", ["file,x"]),
        ("lce_convert --no-p", ["plain,--no-proof"]),
    ],
)
def test_commands_options_and_values_complete(line, offered):
    program, *words = line.split()
    if not (FOLDER / program).is_file():
        pytest.skip("the programs are not installed")
    variable = f"_{program.upper().replace('-', '_')}_COMPLETE"
    environment = {**os.environ, variable: "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
    done = subprocess.run([FOLDER / program], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == offered
