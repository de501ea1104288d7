"""Which Keras a process ends up with, by the order of its imports; each order needs a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
USE_A_LAYER = "print(larq_el.layers.ElasticLink.__mro__[1].__module__)"
KERAS_3_IN_USE = "tf.keras is already Keras 3 in this process"


def _python(code, **variables):
    """Runs code from the checkout's root as a user would, without this test run's choice of Keras."""
    clean = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, env=clean | variables, capture_output=True, text=True, timeout=300)


def test_importing_larq_el_loads_no_tensorflow():
    done = _python("import sys, larq_el; print([m for m in ('tensorflow', 'tf_keras', 'keras') if m in sys.modules])")
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    "imports",
    [
        "import larq_el.layers",
        "import larq_el; larq_el.layers; import tensorflow",
        "import tensorflow; import larq_el.layers",
        "import keras; assert keras.__version__[0] == '3'; import larq_el.layers",
    ],
)
def test_layers_are_keras_2_layers_in_any_order_of_imports(imports):
    done = _python(f"{imports}; {USE_A_LAYER}")
    assert done.stdout.strip().startswith("tf_keras"), done.stderr


@pytest.mark.parametrize(
    "use", ["import tensorflow as tf; tf.keras.Model", "from tensorflow.keras import layers", "import tensorflow.keras"]
)
def test_keras_3_in_use_already_is_an_error_with_the_remedy(use):
    done = _python(f"{use}; import larq_el.layers")
    assert done.returncode == 1
    assert "ImportError: larq_el needs Keras 2" in done.stderr
    assert KERAS_3_IN_USE in done.stderr
    assert "set the environment variable TF_USE_LEGACY_KERAS=1" in done.stderr


def test_keras_3_asked_for_in_the_environment_is_an_error_with_the_remedy():
    done = _python("import larq_el.layers", TF_USE_LEGACY_KERAS="0")
    assert done.returncode == 1
    assert KERAS_3_IN_USE in done.stderr
    assert "set the environment variable TF_USE_LEGACY_KERAS=1" in done.stderr


def test_the_zoo_refuses_to_be_imported_under_another_name():
    done = _python("import zoo")
    assert done.returncode == 1
    assert "ImportError: this package is larq_el.zoo and was imported as 'zoo'" in done.stderr
    assert "write `from larq_el import zoo`" in done.stderr


def test_an_unknown_attribute_names_those_that_exist():
    done = _python("import larq_el; larq_el.nothing")
    assert done.returncode == 1
    assert "AttributeError: module 'larq_el' has no attribute 'nothing'; it has __version__" in done.stderr
    assert "layers" in done.stderr
