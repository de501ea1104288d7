"""The scaled sign with its authors' gradient, and XNOR-Net's constraint, by hand-computed numbers."""

from contextlib import nullcontext

import numpy as np
import pytest

from larq_el._keras import keras, lq, tf
from larq_el.convert import load_model
from larq_el.introspection import is_binary
from larq_el.quantizers import AlphaSign, CentredWeightClip

# two filters of two taps: |W| averages 1 and 0.5
KERNEL = np.float32([[0.5, -0.75], [-1.5, 0.25]]).reshape(2, 1, 1, 2)


def _gradient(quantizer):
    """Of 2 q(W) to W."""
    kernel = tf.Variable(KERNEL)
    with tf.GradientTape() as tape:
        total = 2 * tf.reduce_sum(quantizer(kernel))
    return tape.gradient(total, kernel).numpy().reshape(2, 2)


def test_the_sign_is_scaled_by_the_mean_magnitude_of_each_filter():
    quantized = AlphaSign()(KERNEL).numpy().reshape(2, 2)
    np.testing.assert_array_equal(quantized, [[1, -0.5], [-1, 0.5]])
    np.testing.assert_array_equal(quantized, lq.quantizers.MagnitudeAwareSign()(KERNEL).numpy().reshape(2, 2))
    assert is_binary(AlphaSign())


def test_the_gradient_does_not_have_the_factor_alpha():
    # clipped at |W| = 1: the 1.5 gets none
    np.testing.assert_array_equal(_gradient(AlphaSign()), [[2, 2], [0, 2]])
    np.testing.assert_array_equal(_gradient(AlphaSign(clip_value=None)), [[2, 2], [2, 2]])
    # Larq's has it: 2 * 1 and 2 * 0.5
    np.testing.assert_array_equal(_gradient(lq.quantizers.MagnitudeAwareSign()), [[2, 1], [0, 1]])


def test_weights_are_centred_over_the_input_channels_and_then_clipped():
    # one tap, input channels as rows, filters as columns: means 1 and -0.25
    kernel = np.float32([[0.5, 0.25], [3.0, 0.0], [-0.5, -1.0]]).reshape(1, 1, 3, 2)
    expected = [[-0.5, 0.5], [1.0, 0.25], [-1.0, -0.75]]
    np.testing.assert_allclose(CentredWeightClip()(kernel).numpy()[0, 0], expected, rtol=1e-6)
    assert np.abs(CentredWeightClip(0.5)(kernel)).max() == 0.5


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_file_may_name_both(tmp_path, suffix):
    x = keras.Input((4, 4, 3))
    conv = lq.layers.QuantConv2D(
        2, 3, kernel_quantizer=AlphaSign(clip_value=None), kernel_constraint=CentredWeightClip(0.5), name="conv"
    )
    model = keras.Model(x, conv(x))
    with pytest.warns(UserWarning, match="HDF5") if suffix == "h5" else nullcontext():
        model.save(tmp_path / f"x.{suffix}")
    loaded = load_model(str(tmp_path / f"x.{suffix}"))
    layer = loaded.get_layer("conv")
    assert type(layer.kernel_quantizer) is AlphaSign
    assert layer.kernel_quantizer.clip_value is None
    assert type(layer.kernel_constraint) is CentredWeightClip
    assert layer.kernel_constraint.clip_value == 0.5
    values = np.ones((1, 4, 4, 3), np.float32)
    np.testing.assert_array_equal(loaded(values), model(values))
