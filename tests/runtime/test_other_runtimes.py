"""The delegate in other versions of the stock runtime, and on older processors.

LARQ_EL_OTHER_PYTHONS names Python interpreters, separated by colons, that have numpy and another TensorFlow or
ai-edge-litert: `python -m venv old && old/bin/pip install "tensorflow-cpu==2.16.*"`, say.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import build
from test_fusion import converted
from test_golden import MODELS, as_list, assert_equal, golden

CHECKOUT = Path(__file__).parents[2]
RUN_MODELS = Path(__file__).parent / "run_models.py"
OTHERS = [path for path in os.environ.get("LARQ_EL_OTHER_PYTHONS", "").split(":") if path]
EMULATOR = "qemu-x86_64-static"


def save_models(folder):
    """Those of the golden set, with their samples."""
    for name in MODELS:
        flatbuffer, samples, _ = golden(name)
        (folder / f"{name}.tflite").write_bytes(flatbuffer)
        np.save(folder / f"{name}.npy", samples)


def check_outputs(folder, isas):
    """Compares what run_models.py wrote with LCE's outputs."""
    for name in MODELS:
        for isa in (*isas, None):
            with np.load(folder / f"{name}-{isa}.npz") as outputs:
                assert_equal([outputs[f"arr_{i}"] for i in range(len(outputs))], as_list(golden(name)[2]))


@pytest.mark.skipif(not OTHERS, reason="LARQ_EL_OTHER_PYTHONS names no other Python")
@pytest.mark.parametrize("python", OTHERS)
def test_outputs_equal_those_of_lce(python, tmp_path):
    save_models(tmp_path)
    flatbuffer, samples = converted("s_resnet26", 1.0)  # a whole network, fused
    (tmp_path / "network.tflite").write_bytes(flatbuffer)
    np.save(tmp_path / "network.npy", samples)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [python, str(RUN_MODELS), str(tmp_path)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    _, isas, _ = json.loads(result.stdout.splitlines()[-1])
    check_outputs(tmp_path, isas)
    from larq_el.runtime import Interpreter

    expected = Interpreter(flatbuffer).predict(samples)
    for isa in isas:
        with np.load(tmp_path / f"network-{isa}.npz") as outputs:
            np.testing.assert_allclose(outputs["arr_0"], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.skipif(shutil.which(EMULATOR) is None, reason=f"needs {EMULATOR} (Debian: qemu-user-static)")
@pytest.mark.parametrize("cpu", ["Haswell", "Nehalem"])
def test_an_older_processor_gets_kernels_that_it_can_run(cpu, monkeypatch):
    monkeypatch.setenv("RUNNER", f"{EMULATOR} -cpu {cpu}")
    assert "tests passed" in build("test", "kernel" if cpu == "Haswell" else "")
