"""Bi-Real net's leaky clip, by hand-computed numbers."""

from contextlib import nullcontext

import numpy as np
import pytest

from larq_el._keras import keras, tf
from larq_el.layers import LeakyClip

X = [-3.0, -1.0, 0.25, 1.0, 5.0]


def test_it_is_the_identity_inside_and_flat_outside():
    # -1 - 0.1 * 2 and 1 + 0.1 * 4; with a slope of 0.5: -1 - 0.5 * 2 and 1 + 0.5 * 4
    np.testing.assert_allclose(LeakyClip()(tf.constant(X)), [-1.2, -1, 0.25, 1, 1.4], rtol=1e-6)
    np.testing.assert_allclose(LeakyClip(0.5)(tf.constant(X)), [-2, -1, 0.25, 1, 3], rtol=1e-6)


def test_the_gradient_is_1_inside_and_the_slope_outside():
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = LeakyClip()(x)
    np.testing.assert_allclose(tape.gradient(y, x).numpy()[[0, 2, 4]], [0.1, 1, 0.1], rtol=1e-6)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_it_is_saved_and_loaded(tmp_path, suffix):
    x = keras.Input((3,))
    model = keras.Model(x, LeakyClip(0.3)(x))
    with pytest.warns(UserWarning, match="HDF5") if suffix == "h5" else nullcontext():
        model.save(tmp_path / f"x.{suffix}")
    loaded = keras.models.load_model(tmp_path / f"x.{suffix}")
    assert loaded.layers[-1].slope == 0.3
    assert loaded.layers[-1].compute_output_shape((None, 3)) == (None, 3)
    values = np.float32([[-2, 0, 2]])
    np.testing.assert_array_equal(loaded(values), model(values))


def test_in_mixed_precision_it_computes_in_float16():
    layer = LeakyClip(dtype=keras.mixed_precision.Policy("mixed_float16"))
    assert layer(tf.constant(X)).dtype == tf.float16
