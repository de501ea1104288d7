"""The delegate is built from its sources before the first test, and models are converted once."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NATIVE = Path(__file__).parents[2] / "native"


def build(*arguments):
    """Runs native/build.py, one process at a time: several test workers may ask at once."""
    if shutil.which(os.environ.get("CXX", "g++")) is None:
        pytest.skip("no C++ compiler")
    command = [sys.executable, str(NATIVE / "build.py"), *arguments]
    with (NATIVE / "build.py").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    return result.stdout


@pytest.fixture(scope="session", autouse=True)
def delegate():
    """The freshly built library."""
    build()
