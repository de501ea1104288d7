"""What training computes in fewer passes equals the plain formulation, values and gradients."""

import numpy as np
import pytest

from larq_el._keras import keras, lq, tf
from larq_el.layers import ActivationScale, ElasticLink
from larq_el.training.gradients import fused_gradients

BORDERS = [-2.0, -1.0, np.nextafter(np.float32(-1), np.float32(-2)), np.nextafter(np.float32(1), np.float32(2)), 1.0]
VALUES = np.array([*BORDERS, 0.0, -0.0, 1e-40, -1e-40, np.inf, -np.inf, np.nan, 0.3, -0.7], np.float32)


def gradient(function, x, dy):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return y.numpy(), tape.gradient(y, x, output_gradients=tf.constant(dy)).numpy()


@pytest.mark.parametrize("quantizer", [lq.quantizers.SteSign(), lq.quantizers.SteTern(), lq.quantizers.SteSign(1.3)])
def test_the_gradient_of_signs_is_the_same_to_the_bit(quantizer):
    random = np.random.default_rng(0)
    x = np.concatenate([VALUES, random.normal(size=1000).astype(np.float32)])
    dy = random.normal(size=x.shape).astype(np.float32)
    plain = gradient(quantizer, x, dy)
    with fused_gradients():
        fused = gradient(quantizer, x, dy)
    for one, other in zip(plain, fused, strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_types_keep_larqs_own():
    with fused_gradients():
        _, got = gradient(lq.quantizers.SteSign(), np.array([0.5, 2.0], np.float16), np.ones(2, np.float16))
    assert got.tolist() == [1.0, 0.0]


def test_larq_is_left_as_it_was():
    before = lq.quantizers._clipped_gradient
    with fused_gradients():
        assert lq.quantizers._clipped_gradient is not before
    assert lq.quantizers._clipped_gradient is before
    with pytest.raises(KeyError), fused_gradients():
        raise KeyError
    assert lq.quantizers._clipped_gradient is before


@pytest.mark.parametrize(("kernel_size", "strides"), [(1, 1), (1, 2), (1, 3), (3, 1), (3, 2)])
@pytest.mark.parametrize("shape", [(2, 7, 6, 8), (1, 8, 8, 64)])
def test_k_is_the_same_to_the_bit(kernel_size, strides, shape):
    layer = ActivationScale(kernel_size, strides)
    random = np.random.default_rng(1)
    x = random.normal(size=shape).astype(np.float32)
    x[0, 0, 0, :2] = 0.0, -0.0
    dy = random.normal(size=layer.compute_output_shape(shape)).astype(np.float32)
    plain, trained = (gradient(lambda x, t=training: layer(x, training=t), x, dy) for training in (False, True))
    np.testing.assert_array_equal(trained[0], plain[0])
    np.testing.assert_array_equal(trained[1], plain[1])


@pytest.mark.parametrize("channels", [(64, 16), (16, 64), (16, 40), (40, 16), (32, 32)])
@pytest.mark.parametrize("strides", [1, 2])
def test_elastic_link_is_the_same(channels, strides):
    in_channels, out_channels = channels
    link = ElasticLink(strides)
    random = np.random.default_rng(2)
    x = tf.constant(random.normal(size=(2, 8, 6, in_channels)).astype(np.float32))
    y = tf.constant(random.normal(size=(2, 8 // strides, 6 // strides, out_channels)).astype(np.float32))
    dy = tf.constant(random.normal(size=y.shape).astype(np.float32))

    def computed(x, dy, training):
        with tf.GradientTape() as tape:
            tape.watch([x, y])
            out = link([y, x], training=training)
        return [out, *tape.gradient(out, [y, x, link.gamma], output_gradients=dy)]

    plain, trained = (computed(x, dy, training) for training in (False, True))
    for one, other in zip(plain[:3], trained[:3], strict=True):
        np.testing.assert_array_equal(other, one)
    # d/dgamma is a sum in another order: rounding is measured by the sum of the terms' magnitudes
    magnitude = float(tf.abs(computed(tf.abs(x), tf.abs(dy), False)[3]))
    assert float(tf.abs(trained[3] - plain[3])) <= 1e-6 * magnitude


def test_what_the_converter_sees_does_not_change():
    """A traced inference has the slice, and no gradient's operators."""
    image = keras.Input((8, 8, 64))
    y = lq.layers.QuantConv2D(16, 1, strides=2, input_quantizer="ste_sign", kernel_quantizer="ste_sign")(image)
    y = keras.layers.Multiply()([y, ActivationScale(1, 2)(image)])
    model = keras.Model(image, ElasticLink(2)([y, image]))

    def operators(training):
        traced = tf.function(lambda x: model(x, training=training)).get_concrete_function(tf.TensorSpec((1, 8, 8, 64)))
        return {node.type for node in traced.graph.get_operations()}

    assert "StridedSlice" in operators(False)
    assert "StridedSlice" not in operators(True)
