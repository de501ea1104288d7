"""The wheel and the sdist hold plain files and work away from the checkout; so does the checkout itself."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent
CODE = """
import larq_el, larq_el.zoo, larq_el.convert, larq_el.layers
assert larq_el.__file__.startswith({folder!r}), larq_el.__file__
assert larq_el.zoo.__file__.startswith({folder!r}), larq_el.zoo.__file__
assert "el_resnet26" in larq_el.zoo.list_models()
"""


def run(*command, cwd):
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True)


def imports_from(folder, cwd):
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    code = CODE.format(folder=str(folder))
    result = subprocess.run([sys.executable, "-c", code], cwd=cwd, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """An sdist of the checkout, and the wheel built from that sdist alone."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(CHECKOUT), cwd=folder)
    return folder


def test_a_wheel_works_from_another_folder(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "site")
    assert {"larq_el/zoo/factory.py", "larq_el/convert/report/report.py", "larq_el/py.typed"} <= set(names)
    assert not any(name.startswith(("zoo/", "convert/", "tests/")) for name in names)
    imports_from(tmp_path / "site", cwd=tmp_path)


def test_an_sdist_holds_plain_files(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        members = {member.name.split("/", 1)[-1]: member for member in archive.getmembers()}
    assert members["larq_el/zoo/factory.py"].isreg()
    assert not any(member.issym() for member in members.values())


def test_the_checkout_works_without_being_installed(tmp_path):
    imports_from(CHECKOUT, cwd=tmp_path)


def test_the_console_scripts_are_named_in_the_metadata(built):
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        text = archive.read(name).decode()
    assert "larq-el = larq_el.cli:main" in text
    assert "lce_convert = larq_el.cli:lce_convert" in text
