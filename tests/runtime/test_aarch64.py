"""The delegate on 64-bit ARM, cross-compiled and emulated: its own tests, its wheel, and LCE's outputs in the stock
runtime.

The last needs the folder that prepare_aarch64.py makes, named by LARQ_EL_AARCH64_ROOT; LARQ_EL_AARCH64_WHEEL names a
wheel to try in the place of one that is built here, such as native/wheels.py makes.
"""

import json
import os
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import build
from test_golden import golden
from test_int8 import int8_models
from test_other_runtimes import RUN_MODELS, check_outputs, save_models

CHECKOUT = Path(__file__).parents[2]
COMPARE_INT8 = Path(__file__).parent / "compare_int8.py"
COMPILER = "aarch64-linux-gnu-g++"
EMULATOR = "qemu-aarch64-static"
LIBRARIES = "/usr/aarch64-linux-gnu"  # of the cross-compiler
PREPARED = os.environ.get("LARQ_EL_AARCH64_ROOT")
ISAS = {"max": ["neon", "portable"], "cortex-a53": ["neon", "portable"], "cortex-a72": ["neon", "portable"]}
AARCH64 = 183  # e_machine of ELF

pytestmark = pytest.mark.skipif(
    shutil.which(COMPILER) is None or shutil.which(EMULATOR) is None,
    reason=f"needs {COMPILER} and {EMULATOR} (Debian: g++-aarch64-linux-gnu, qemu-user-static)",
)


@pytest.mark.parametrize("cpu", ISAS)
def test_the_kernels_agree_with_loops_over_bits(cpu, monkeypatch):
    monkeypatch.setenv("CXX", COMPILER)
    monkeypatch.setenv("RUNNER", f"{EMULATOR} -cpu {cpu} -L {LIBRARIES}")
    assert "tests passed" in build("test")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel that a cross-compiler built from a copy of the checkout."""
    if given := os.environ.get("LARQ_EL_AARCH64_WHEEL"):
        return Path(given)
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("larq_el", "zoo", "convert", "native"):
        ignored = shutil.ignore_patterns("__pycache__", "*.so")
        shutil.copytree(CHECKOUT / name, source / name, symlinks=True, ignore=ignored)
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, source)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)]
    environment = {**os.environ, "CXX": COMPILER}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_is_for_the_machine_that_it_was_compiled_for(wheel):
    name, tag = wheel.stem.split("-py3-none-")
    system, major, minor, machine = tag.split("_", 3)
    assert name.startswith("larq_el-")
    assert (system, major, machine) == ("manylinux", "2", "aarch64")
    with zipfile.ZipFile(wheel) as archive:
        library = archive.read("larq_el/runtime/lib/liblarq_el_delegate.so")
    assert library[:4] == b"\x7fELF"
    assert struct.unpack_from("<H", library, 18) == (AARCH64,)
    assert f"GLIBC_2.{minor}".encode() in library
    assert f"GLIBC_2.{int(minor) + 1}".encode() not in library


@pytest.fixture(scope="module")
def device(wheel, tmp_path_factory):
    """Runs a Python script on an emulated CPU, where the wheel, numpy and the stock runtime are all there is."""
    if PREPARED is None:
        pytest.skip("LARQ_EL_AARCH64_ROOT names no folder of prepare_aarch64.py")
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)

    def run(script, *arguments, cpu="max"):
        sysroot = Path(PREPARED) / "sysroot"
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{site}:{PREPARED}/site-packages",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        python = [EMULATOR, "-cpu", cpu, "-L", str(sysroot), str(sysroot / "usr" / "bin" / "python3.11")]
        command = [*python, str(script), *map(str, arguments)]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
        return result.stdout

    run.site = site
    return run


@pytest.mark.parametrize("cpu", ISAS)
def test_outputs_equal_those_of_lce(device, cpu, tmp_path):
    save_models(tmp_path)
    module, isas, _ = json.loads(device(RUN_MODELS, tmp_path, cpu=cpu))
    assert module.startswith(str(device.site))
    assert isas == ISAS[cpu]
    check_outputs(tmp_path, isas)


def test_int8_equals_the_stock_runtime(device, tmp_path):
    """Static sums to the bit; the runtime's dot products of the dynamic range round the last bit of some otherwise.

    An N1, as XNNPACK takes the emulated A53 and A72 for more than they are, and QEMU 7.2's SME computes otherwise.
    """
    models = int8_models()
    for name, (flatbuffer, samples) in models.items():
        (tmp_path / f"{name}.tflite").write_bytes(flatbuffer)
        np.save(tmp_path / f"{name}.npy", samples)
    different = json.loads(device(COMPARE_INT8, tmp_path, cpu="neoverse-n1"))
    assert set(different) == set(models)
    for name, by_isa in different.items():
        assert list(by_isa) == ISAS["max"]
        for share, most in by_isa.values():
            assert share <= (0.0 if name.endswith("static") else 0.1)
            assert most < 1e-6


def test_the_example_runs_without_tensorflow(device, tmp_path):
    flatbuffer, *_ = golden("residual")
    (tmp_path / "model.tflite").write_bytes(flatbuffer)
    pixels = np.random.default_rng(5).integers(0, 256, (20, 30, 3), np.uint8)
    (tmp_path / "image.ppm").write_bytes(b"P6 30 20 255\n" + pixels.tobytes())
    lines = device(
        CHECKOUT / "examples" / "classify.py", tmp_path / "model.tflite", tmp_path / "image.ppm"
    ).splitlines()
    scores = [float(line.split()[0]) for line in lines]
    assert len(scores) == 5
    assert scores == sorted(scores, reverse=True)
