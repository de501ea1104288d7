"""XNOR-Net's K, by hand-computed numbers."""

import numpy as np
import pytest

from larq_el._keras import keras, tf
from larq_el.layers import ActivationScale


def _image(rows):
    """Rows of one-channel pixels as (1, H, W, 1)."""
    return tf.constant(rows, tf.float32)[None, ..., None]


def _scale(x, *args, **kwargs):
    """K of one image, as (H, W)."""
    return ActivationScale(*args, **kwargs)(x).numpy()[0, ..., 0]


def test_a_1x1_kernel_has_the_mean_absolute_value_over_channels():
    # (|1| + |-3|) / 2, (|0| + |1|) / 2, (|-2| + |-2|) / 2, (|0| + |0|) / 2
    x = tf.constant([[[[1.0, -3.0], [0.0, 1.0]], [[-2.0, -2.0], [0.0, 0.0]]]])
    np.testing.assert_array_equal(_scale(x), [[2.0, 0.5], [2.0, 0.0]])


def test_a_1x1_kernel_with_stride_2_takes_every_other_pixel():
    x = _image([[1, 2, -3], [4, 5, 6], [7, -8, 9]])
    np.testing.assert_array_equal(_scale(x, 1, strides=2), [[1, 3], [7, 9]])


def test_a_3x3_window_divides_by_9_also_at_the_border():
    # pixels inside the image: 4 at a corner, 6 at an edge, 9 in the middle; all are 1, divided by 9
    expected = np.array([[4, 6, 4], [6, 9, 6], [4, 6, 4]]) / 9
    np.testing.assert_allclose(_scale(-tf.ones((1, 3, 3, 5)), 3), expected, rtol=1e-6)


def test_a_3x3_window_sums_its_neighbours():
    # the 9 alone, at every pixel that it is a neighbour of: 9 / 9
    x = _image([[-9, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(_scale(x, 3), [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]], rtol=1e-6)


def test_stride_2_pads_an_even_size_at_its_end_only():
    # windows start at pixels 0 and 2 of 4: the second ones have 2 pixels inside, 6 / 9 and 4 / 9
    expected = np.array([[9, 6], [6, 4]]) / 9
    np.testing.assert_allclose(_scale(tf.ones((1, 4, 4, 2)), 3, strides=2), expected, rtol=1e-6)


def test_valid_padding_keeps_to_whole_windows():
    # (1 + ... + 9) / 9 and (2 + 3 + 4 + 5 + 6 + 7 + 8 + 9 + 10) / 9
    x = _image([[1, 2, 3, 4], [4, 5, 6, 7], [7, 8, 9, 10]])
    np.testing.assert_allclose(_scale(x, 3, padding="valid"), [[5, 6]], rtol=1e-6)


def _gradient(layer, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(layer(x) * [[[[3.0]]]])
    return tape.gradient(total, x)


def test_the_gradient_is_the_sign_over_the_channels():
    # d(3 * (|2| + |-4|) / 2) / dx = 3 * sign(x) / 2
    gradient = _gradient(ActivationScale(), tf.constant([[[[2.0, -4.0]]]]))
    np.testing.assert_allclose(gradient.numpy().ravel(), [1.5, -1.5])


def test_the_gradient_of_a_window_reaches_its_pixels():
    # 1x2 pixels, both inside both windows: each gets 3 / 9 from either output
    gradient = _gradient(ActivationScale(3), _image([[1, -1]]))
    np.testing.assert_allclose(gradient.numpy().ravel(), [2 / 3, -2 / 3], rtol=1e-6)


@pytest.mark.parametrize("kernel_size", [1, 3])
def test_stop_gradient_gives_none(kernel_size):
    layer = ActivationScale(kernel_size, stop_gradient=True)
    assert _gradient(layer, tf.ones((1, 4, 4, 2))) is None


@pytest.mark.parametrize("size", [(5, 8), (6, 7)])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("kernel_size", [1, 2, 3])
def test_the_output_has_the_computed_shape_and_the_sizes_of_the_convolution(kernel_size, strides, padding, size):
    x = tf.ones((2, *size, 4))
    layer = ActivationScale(kernel_size, strides, padding)
    actual = layer(x).shape
    assert layer.compute_output_shape(x.shape) == actual
    conv = keras.layers.Conv2D(1, kernel_size, strides, padding)
    assert conv.compute_output_shape(x.shape) == actual


def test_unknown_sizes_stay_unknown():
    assert ActivationScale(3, 2).compute_output_shape((None, None, 5, 4)).as_list() == [None, None, 3, 1]


@pytest.mark.parametrize("kernel_size", [1, 3])
def test_unknown_sizes_give_the_same_values(kernel_size):
    image = keras.Input((None, None, 4))
    layer = ActivationScale(kernel_size, strides=2)
    x = tf.random.normal((2, 5, 6, 4))
    np.testing.assert_array_equal(keras.Model(image, layer(image))(x), layer(x))


@pytest.mark.parametrize("kernel_size", [1, 3])
def test_mixed_precision_computes_in_float16(kernel_size):
    keras.mixed_precision.set_global_policy("mixed_float16")
    assert ActivationScale(kernel_size)(tf.ones((1, 4, 4, 2))).dtype == tf.float16


def test_the_config_has_every_argument():
    layer = ActivationScale(3, strides=2, padding="valid", stop_gradient=True, name="k")
    copy = ActivationScale.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    assert (copy.kernel_size, copy.strides, copy.padding, copy.stop_gradient, copy.name) == (3, 2, "valid", True, "k")


def test_a_saved_model_computes_the_same(tmp_path):
    image = keras.Input((6, 6, 3))
    model = keras.Model(image, ActivationScale(3, strides=2)(image))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = tf.random.normal((2, 6, 6, 3))
    np.testing.assert_array_equal(loaded(x), model(x))


@pytest.mark.parametrize("value", [0, -1, 1.5, (3, 3, 3), (3, 0), None])
@pytest.mark.parametrize("name", ["kernel_size", "strides", "dilation_rate"])
def test_a_size_that_is_not_a_positive_integer_is_refused(name, value):
    with pytest.raises(ValueError, match=rf"ActivationScale: {name} must be a positive integer \(pixels\) or two, got"):
        ActivationScale(**{name: value})


def test_an_unknown_padding_is_refused():
    with pytest.raises(ValueError, match="padding must be 'same' or 'valid', got 'full'"):
        ActivationScale(padding="full")
