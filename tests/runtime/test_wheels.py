"""Wheels for older systems: what native/wheels.py makes, where the packages are installed that it needs."""

import re
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "native"))
import wheels

pytestmark = pytest.mark.skipif(
    find_spec("ziglang") is None or find_spec("auditwheel") is None, reason="needs ziglang and auditwheel (make wheels)"
)


@pytest.mark.parametrize("machine", wheels.MACHINES)
def test_a_wheel_for_old_systems(machine, tmp_path):
    wheel = wheels.build(machine, "runtime", tmp_path)
    assert wheel.name.endswith(f"py3-none-manylinux_2_17_{machine}.whl")
    wheels.check(wheel, machine)
    library = zipfile.ZipFile(wheel).read("larq_el/runtime/lib/liblarq_el_delegate.so")
    assert max(int(minor) for minor in re.findall(rb"GLIBC_2\.(\d+)", library)) <= 17
    with pytest.raises(SystemExit, match="is not tagged manylinux_2_17_sparc"):
        wheels.check(wheel, "sparc")


def test_a_wheel_that_needs_more_than_its_tag_says_is_refused(tmp_path, monkeypatch):
    wheel = wheels.build("x86_64", "runtime", tmp_path)

    def newer(*args, **kwargs):
        return subprocess.CompletedProcess(args, 0, '"manylinux_2_34_x86_64"', "")

    monkeypatch.setattr(subprocess, "run", newer)
    with pytest.raises(SystemExit, match="auditwheel finds manylinux_2_34_x86_64 for larq_el_runtime"):
        wheels.check(wheel, "x86_64")
