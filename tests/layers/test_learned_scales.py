import numpy as np
import pytest

from larq_el._keras import keras, lq, tf
from larq_el.convert import convert, verify
from larq_el.layers import ChannelBias, LearnedScale


def test_gamma_is_the_product_of_three_vectors_by_hand():
    layer = LearnedScale()
    layer.build((None, 2, 2, 2))
    layer.set_weights(
        [np.array([1.0, 10.0]), np.array([2.0, 3.0]).reshape(2, 1, 1), np.array([5.0, 7.0]).reshape(2, 1)]
    )
    # rows 2 and 3, columns 5 and 7, channels 1 and 10
    expected = [[[10, 100], [14, 140]], [[15, 150], [21, 210]]]
    np.testing.assert_allclose(layer(tf.ones((1, 2, 2, 2)))[0], expected)


def test_the_gradient_of_each_vector_by_value():
    layer = LearnedScale()
    x = tf.constant(np.random.default_rng(0).normal(size=(3, 2, 4, 5)).astype(np.float32))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(x))
    channels, rows, columns = tape.gradient(total, layer.trainable_weights)
    # with all factors at one each gradient is the sum of what it multiplies
    np.testing.assert_allclose(channels, tf.reduce_sum(x, (0, 1, 2)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(tf.reshape(rows, -1), tf.reduce_sum(x, (0, 2, 3)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(tf.reshape(columns, -1), tf.reduce_sum(x, (0, 1, 3)), rtol=1e-4, atol=1e-5)


def test_a_learned_scale_needs_a_fixed_size():
    with pytest.raises(ValueError, match=r"needs a fixed size, got input shape \(None, None, 4, 2\)"):
        LearnedScale().build((None, None, 4, 2))


def test_each_channel_gets_its_bias_and_the_whole_gradient():
    layer = ChannelBias(initializer=keras.initializers.Constant([1.0, -2.0]))
    x = tf.constant([[[[0.5, 0.5], [3.0, 4.0]]]])
    with tf.GradientTape() as tape:
        y = layer(x)
        total = tf.reduce_sum(y * [1.0, 10.0])
    np.testing.assert_allclose(y[0, 0], [[1.5, -1.5], [4.0, 2.0]])
    np.testing.assert_allclose(tape.gradient(total, layer.bias), [2.0, 20.0])


def test_a_bias_needs_known_channels():
    with pytest.raises(ValueError, match="needs a known number of channels, got input shape"):
        ChannelBias().build((None, 4, 4, None))


@pytest.mark.parametrize("layer", [LearnedScale(), ChannelBias(initializer="ones", regularizer="l2")])
def test_a_round_trip_keeps_the_outputs(layer, tmp_path):
    image = keras.Input((4, 6, 3))
    model = keras.Model(image, layer(image))
    random = np.random.default_rng(0)
    model.set_weights([random.normal(size=weight.shape) for weight in model.get_weights()])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = random.normal(size=(2, 4, 6, 3)).astype(np.float32)
    np.testing.assert_array_equal(loaded.predict_on_batch(x), model.predict_on_batch(x))
    assert loaded.layers[-1].get_config() == model.layers[-1].get_config()
    assert layer.compute_output_shape((None, 4, 6, 3)) == (None, 4, 6, 3)


def test_a_trained_scale_converts_and_loses_nothing():
    image = keras.Input((5, 6, 32))
    signs = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}
    scale = LearnedScale()
    y = scale(lq.layers.QuantConv2D(16, 1, use_bias=False, name="conv", **signs)(image))
    model = keras.Model(image, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(y)))
    random = np.random.default_rng(0)
    scale.set_weights([random.uniform(0.5, 2.0, weight.shape) for weight in scale.get_weights()])
    conversion = convert(model)
    assert [conv.binary for conv in conversion.report.convolutions] == [True, False]
    samples = random.normal(size=(16, 5, 6, 32)).astype(np.float32)
    result = verify(model, conversion.flatbuffer, samples)
    assert result.max_abs_diff < 1e-4
    assert [layer.differing_alone for layer in result.layers] == [0.0]
