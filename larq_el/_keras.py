"""The one place that loads TensorFlow, with `tf.keras` as the legacy Keras 2 that Larq is written for.

TensorFlow decides which Keras `tf.keras` is by the environment variable `TF_USE_LEGACY_KERAS`: for the attribute when
it is first used, for `import tensorflow.keras` when TensorFlow itself is imported. Neither can be changed once it has
been used. Everything of ours that needs Keras says

    from larq_el._keras import keras, lq, tf

and takes its aliases for annotations, `Tensor`, `Layer` and `Model`, from here too.
"""

import importlib
import os
import sys
from importlib.util import find_spec
from typing import Any, TypeAlias

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
_late = "tensorflow" in sys.modules and "tensorflow.keras" not in sys.modules

import tensorflow as tf  # noqa: E402

if _late and os.environ["TF_USE_LEGACY_KERAS"] == "1" and (_found := find_spec("tf_keras.api._v2")) is not None:
    # imported before the variable was set, TensorFlow looks for `tensorflow.keras` in Keras 3
    tf.__path__[:0] = _found.submodule_search_locations or []

keras = tf.keras

for _model in (keras.Model, importlib.import_module("tensorflow.keras").Model):
    if not _model.__module__.startswith("tf_keras"):
        raise ImportError(
            "larq_el needs Keras 2 (the package tf_keras), but tf.keras is already Keras 3 in this process "
            f"({_model.__module__}): set the environment variable TF_USE_LEGACY_KERAS=1 before TensorFlow is first "
            "used, or import larq_el.layers before anything uses tf.keras."
        )

import larq as lq  # noqa: E402  (it uses tf.keras, which has to be Keras 2 by then)

# TensorFlow ships no types that a checker could use: these say what is meant
Tensor: TypeAlias = Any
"""A `tf.Tensor` or a symbolic `KerasTensor`; of images (N, H, W, C)."""
Layer: TypeAlias = Any
"""A `tf.keras.layers.Layer`."""
Model: TypeAlias = Any
"""A `tf.keras.Model`."""

__all__ = ["Layer", "Model", "Tensor", "keras", "lq", "tf"]
