import numpy as np
import pytest

from larq_el._keras import keras, tf
from larq_el.layers import ElasticLink, LinkAlone


@pytest.mark.parametrize(("channels", "filters", "strides"), [(6, 2, 1), (5, 2, 1), (2, 6, 2), (4, 4, 2), (2, 5, 1)])
def test_it_is_an_elastic_link_on_a_convolution_that_gives_zeros(channels, filters, strides):
    x = np.random.default_rng(0).normal(size=(2, 5, 7, channels)).astype(np.float32)
    alone = LinkAlone(filters, strides=strides)
    result = alone(x)
    assert result.shape == alone.compute_output_shape(x.shape)
    expected = ElasticLink(strides=strides)([tf.zeros(result.shape), x])
    np.testing.assert_array_equal(result, expected)


def test_squeeze_by_hand():
    x = tf.reshape(tf.range(6.0), (1, 1, 1, 6))
    # groups 0 1, 2 3, 4 5 sum to 6 9; gamma is 3
    np.testing.assert_allclose(tf.reshape(LinkAlone(2)(x), [-1]), [2.0, 3.0], rtol=1e-6)


def test_unknown_sizes_and_a_round_trip(tmp_path):
    image = keras.Input((None, None, 6))
    model = keras.Model(image, LinkAlone(2, strides=2, trainable_gamma=False)(image))
    x = np.random.default_rng(0).normal(size=(1, 5, 4, 6)).astype(np.float32)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.trainable_weights == []
    assert loaded.predict_on_batch(x).shape == (1, 3, 2, 2)
    np.testing.assert_array_equal(loaded.predict_on_batch(x), model.predict_on_batch(x))


@pytest.mark.parametrize("filters", [0, 2.5, None])
def test_filters_have_to_be_a_positive_integer(filters):
    with pytest.raises(ValueError, match="filters must be a positive integer, got"):
        LinkAlone(filters)
