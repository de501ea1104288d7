"""The one place that loads TensorFlow, with `tf.keras` as the legacy Keras 2 that Larq is written for.

TensorFlow decides which Keras `tf.keras` is when the name is first used, by the environment variable
`TF_USE_LEGACY_KERAS`; afterwards it cannot be changed in the process. Everything of ours that needs Keras says

    from larq_el._keras import keras, lq, tf
"""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import tensorflow as tf

keras = tf.keras

if not keras.Model.__module__.startswith("tf_keras"):
    raise ImportError(
        "larq_el needs Keras 2 (the package tf_keras), but tf.keras is already Keras 3 in this process "
        f"({keras.Model.__module__}): set the environment variable TF_USE_LEGACY_KERAS=1 before TensorFlow is first "
        "used, or import larq_el.layers before anything uses tf.keras."
    )

import larq as lq  # noqa: E402  (it uses tf.keras, which has to be Keras 2 by then)

__all__ = ["keras", "lq", "tf"]
