import numpy as np
import pytest

from larq_el._keras import keras, tf
from larq_el.layers import GroupSum


@pytest.mark.parametrize(("channels", "size"), [(8, 4), (12, 2), (4, 4), (3, 1)])
def test_behind_a_depthwise_convolution_it_makes_a_grouped_one(channels, size):
    random = np.random.default_rng(0)
    x = tf.constant(random.normal(size=(2, 5, 6, channels)), tf.float32)
    kernel = random.normal(size=(3, 3, channels, size)).astype(np.float32)
    got = GroupSum(size)(tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], "SAME"))
    # output g * size + m sees the channels of group g through kernel[..., channel, m]
    for group in range(channels // size):
        at = slice(group * size, (group + 1) * size)
        np.testing.assert_allclose(
            got[..., at], tf.nn.conv2d(x[..., at], kernel[:, :, at], 1, "SAME"), rtol=1e-4, atol=1e-5
        )


def test_image_sizes_need_not_be_known():
    image = keras.Input((None, None, 8))
    model = keras.Model(image, GroupSum(2)(image))
    assert model.output_shape == (None, None, None, 4)
    assert model(tf.ones((1, 3, 5, 8))).shape == (1, 3, 5, 4)


def test_a_round_trip_keeps_the_size():
    assert (
        GroupSum.from_config(GroupSum(3, name="sum").get_config()).get_config() == GroupSum(3, name="sum").get_config()
    )


@pytest.mark.parametrize("size", [0, 2.5])
def test_a_wrong_size_is_refused(size):
    with pytest.raises(ValueError, match=f"GroupSum: size must be a positive integer, got {size}"):
        GroupSum(size)


@pytest.mark.parametrize("channels", [8, None])
def test_channels_that_are_no_groups_are_refused(channels):
    with pytest.raises(
        ValueError, match=f"must be a multiple of size \\* size = 9, got {channels}; give the depthwise"
    ):
        GroupSum(3).compute_output_shape((1, 4, 4, channels))
