"""What every test needs: a quiet TensorFlow with Keras 2, and a clean, seeded Keras."""

import os
import sys

# before any test module imports TensorFlow, which reads both only once
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_USE_LEGACY_KERAS"] = "1"

import pytest


@pytest.fixture(autouse=True)
def clean_keras():
    """A fresh Keras session, the float32 policy and seed 0, where TensorFlow is loaded at all."""
    if "tensorflow" not in sys.modules:
        return
    from larq_el._keras import keras

    keras.backend.clear_session()
    keras.mixed_precision.set_global_policy("float32")
    keras.utils.set_random_seed(0)
