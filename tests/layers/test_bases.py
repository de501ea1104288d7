"""ABC-Net's bases and TBN's ternary activations, by hand and against the float convolution."""

import numpy as np
import pytest

from larq_el._keras import keras, lq, tf
from larq_el.convert import convert
from larq_el.introspection import convolutions
from larq_el.layers import ActivationShifts, BasesConv2D, TernaryThresholds
from larq_el.quantizers import WeightBases


def _random(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_one_base_is_the_sign_around_the_mean_with_the_least_squares_scale_by_hand():
    kernel = tf.constant([[5.0, 1.0, 0.0, -2.0]])  # the mean is 1, and sign(0) is +1
    (base,) = WeightBases(1).bases(kernel)
    # alpha = (5 + 1 - 0 + 2) / 4
    np.testing.assert_allclose(base, [[2.0, 2.0, -2.0, -2.0]])


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_the_bases_are_the_shifted_signs_with_scales_that_fit_best(count):
    kernel = _random(3, 3, 16, 8)
    bases = np.stack([np.ravel(base) for base in WeightBases(count).bases(tf.constant(kernel))])
    shifts = np.linspace(-1, 1, count) if count > 1 else [0.0]
    centred = np.ravel(kernel - kernel.mean())
    signs = np.stack([np.where(centred + shift * centred.std() < 0, -1.0, 1.0) for shift in shifts])
    alphas, *_ = np.linalg.lstsq(signs.T, np.ravel(kernel), rcond=None)
    np.testing.assert_allclose(bases, alphas[:, None] * signs, rtol=1e-4, atol=1e-5)
    error = np.square(bases.sum(axis=0) - np.ravel(kernel)).mean()
    assert error < {1: 0.37, 2: 0.32, 3: 0.20, 5: 0.10}[count]  # of a normal kernel's variance of 1


def test_bases_that_coincide_share_their_scale():
    bases = WeightBases(3).bases(tf.constant([[3.0, -3.0]]))  # deviations are as large as the values: no shift matters
    np.testing.assert_allclose(tf.add_n(bases), [[3.0, -3.0]], rtol=1e-5)


def test_the_gradient_of_the_kernel_is_that_of_each_base_times_its_scale():
    kernel = tf.Variable(_random(1, 1, 4, 4))
    weights = [_random(1, 1, 4, 4), 2 * _random(1, 1, 4, 4)]
    with tf.GradientTape() as tape:
        bases = WeightBases(2).bases(kernel)
        total = sum(tf.reduce_sum(base * weight) for base, weight in zip(bases, weights, strict=True))
    alphas = [np.abs(base[0, 0, 0, 0]) for base in bases]
    np.testing.assert_allclose(tape.gradient(total, kernel), alphas[0] * weights[0] + alphas[1] * weights[1])


@pytest.mark.parametrize("count", [0, -1, 1.5])
def test_the_number_of_bases_is_checked(count):
    with pytest.raises(ValueError, match=f"WeightBases: count must be a positive integer, got {count}"):
        WeightBases(count)
    with pytest.raises(ValueError, match=f"ActivationShifts: count must be a positive integer, got {count}"):
        ActivationShifts(count)


def test_the_gradient_of_an_activation_base_passes_where_the_shifted_input_is_between_0_and_1():
    shifts = ActivationShifts(1)
    x = tf.constant([-0.1, 0.0, 0.4, 1.0, 1.1])
    sign = lq.quantizers.SteSign(clip_value=0.5)
    with tf.GradientTape() as tape:
        tape.watch(x)
        (shifted,) = shifts(x)
        base = sign(shifted)
    gradients = tape.gradient(base, [x, shifts.shifts])
    np.testing.assert_array_equal(base, [-1, -1, -1, 1, 1])
    np.testing.assert_array_equal(gradients[0], [0, 1, 1, 1, 0])
    np.testing.assert_array_equal(gradients[1], [3])


@pytest.mark.parametrize(("weight_bases", "inputs"), [(1, 1), (3, 2)])
@pytest.mark.parametrize("pad_values", [0.0, 1.0])
def test_the_sum_of_binary_convolutions_is_the_convolution_of_the_sums(weight_bases, inputs, pad_values):
    layer = BasesConv2D(
        8,
        3,
        strides=2,
        padding="same",
        pad_values=pad_values,
        input_quantizer="ste_sign",
        kernel_quantizer=WeightBases(weight_bases),
        kernel_constraint="weight_clip",
    )
    xs = [tf.constant(_random(2, 7, 6, 16) + n) for n in range(inputs)]
    got = layer(xs)
    assert convolutions(layer) == weight_bases * inputs == len(layer.quantized_kernels())
    scales = np.arange(1.0, inputs + 1)
    layer.scales.assign(scales)
    got = layer(xs)
    signs = sum(scale * np.where(x < 0, -1.0, 1.0) for scale, x in zip(scales, xs, strict=True))
    pads = [(0, 0), (1, 1), (0, 1), (0, 0)]  # "same" of 7 x 6 with stride 2
    padded = np.pad(signs, pads, constant_values=pad_values * scales.sum())
    kernel = layer.kernel_quantizer(tf.convert_to_tensor(layer.kernel))
    np.testing.assert_allclose(got, tf.nn.conv2d(padded, kernel, 2, "VALID"), rtol=1e-4, atol=1e-4)
    assert got.shape == layer.compute_output_shape([(2, 7, 6, 16)] * inputs)


def _ternary(x, kernel, training):
    layer = BasesConv2D(
        kernel.shape[-1],
        1,
        train_scales=False,
        input_quantizer=lq.quantizers.SteSign(clip_value=None),
        kernel_quantizer="ste_sign",
        kernel_constraint="weight_clip",
    )
    thresholds = TernaryThresholds()
    layer.build([x.shape] * 2)
    layer.kernel.assign(kernel)
    return thresholds, lambda: layer(thresholds(x, training=training))


def test_ternary_activations_against_the_float_convolution():
    x, kernel = tf.constant(_random(2, 3, 4, 8)), _random(1, 1, 8, 5)
    _, run = _ternary(x, kernel, training=True)
    threshold = 0.5 * np.abs(x).mean()
    ternary = np.where(x >= threshold, 1.0, 0.0) - np.where(x <= -threshold, 1.0, 0.0)
    assert {-1.0, 0.0, 1.0} == set(np.unique(ternary))
    np.testing.assert_array_equal(run(), np.einsum("nhwc,co->nhwo", ternary, np.where(kernel < 0, -1.0, 1.0)[0, 0]))


def test_the_ternary_gradient_passes_where_the_input_is_within_1():
    x = tf.constant(np.array([-1.5, -1.0, -0.1, 0.0, 0.6, 1.0, 1.1], np.float32).reshape(1, 1, 7, 1))
    _, run = _ternary(x, np.ones((1, 1, 1, 1), np.float32), training=True)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(run())
    np.testing.assert_array_equal(np.ravel(tape.gradient(total, x)), [0, 1, 1, 1, 1, 1, 0])


def test_the_threshold_moves_towards_the_batches_and_inference_uses_it():
    layer = TernaryThresholds(delta=0.5, momentum=0.1)
    x = tf.constant([[2.0, -6.0]])  # mean magnitude 4, D = 2
    below, above = layer(x, training=False)
    start = 0.5 * 0.7979
    np.testing.assert_allclose([below[0], above[0]], [[2 - start, -6 - start], [2 + start, -6 + start]], rtol=1e-6)
    below, _ = layer(x, training=True)
    np.testing.assert_allclose(below[0], [0.0, -8.0])
    np.testing.assert_allclose(layer.threshold, start + 0.1 * (2 - start), rtol=1e-6)
    assert layer.trainable_weights == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"delta": 0}, "TernaryThresholds: delta must be above 0, got 0; 0.5"),
        ({"momentum": 2}, "TernaryThresholds: momentum must be between 0 and 1, got 2"),
    ],
)
def test_wrong_thresholds_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        TernaryThresholds(**arguments)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_a_round_trip_keeps_the_outputs(tmp_path, policy):
    keras.mixed_precision.set_global_policy(policy)
    image = keras.Input((4, 4, 8))
    quantizers = {"input_quantizer": "ste_sign", "kernel_quantizer": WeightBases(2), "kernel_constraint": "weight_clip"}
    y = BasesConv2D(4, 3, padding="same", **quantizers)(ActivationShifts(2)(image))
    y = BasesConv2D(4, 1, train_scales=False, **quantizers)(TernaryThresholds(0.4, 0.2)(y))
    model = keras.Model(image, y)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = _random(2, 4, 4, 8)
    np.testing.assert_array_equal(loaded.predict_on_batch(x), model.predict_on_batch(x))
    assert [layer.get_config() for layer in loaded.layers] == [layer.get_config() for layer in model.layers]


def test_large_kernels_are_constants_of_the_flatbuffer():
    """LCE computes no constant that takes more bytes than what it is computed from, unless it is small."""
    image = keras.Input((4, 4, 128))
    layer = BasesConv2D(
        128, 3, input_quantizer="ste_sign", kernel_quantizer=WeightBases(3), kernel_constraint="weight_clip"
    )
    report = convert(keras.Model(image, layer(ActivationShifts(1)(image)))).report
    assert [conv.binary for conv in report.convolutions] == [True] * 3
    assert report.unresolved == ()
