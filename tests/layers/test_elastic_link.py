"""Elastic-Link's SEI: equations 4 and 5, by hand-computed numbers and against a NumPy reference."""

import numpy as np
import pytest

from larq_el._keras import keras, tf
from larq_el.layers import ElasticLink


def _pixel(*channels):
    """One pixel, (1, 1, 1, C)."""
    return tf.constant([[[channels]]], tf.float32)


def _image(rows):
    """Rows of one-channel pixels as (1, H, W, 1)."""
    return tf.constant(rows, tf.float32)[None, ..., None]


def _model(conv_shape, real_shape, **arguments):
    inputs = [keras.Input(conv_shape), keras.Input(real_shape)]
    return keras.Model(inputs, ElasticLink(name="link", **arguments)(inputs))


# conv_output is 100 per channel throughout, to tell the sum from the link
BY_HAND = {
    # groups 1 2 | 3 4, summed 4 6, gamma 2
    "squeeze": ([1, 2, 3, 4], 2, [2, 3]),
    # 5 channels padded to 6: 1 2 | 3 4 | 5 0, summed 9 6, gamma 3
    "squeeze with padding": ([1, 2, 3, 4, 5], 2, [3, 2]),
    # 3 channels padded to 4: 1 2 | 3 0, summed 4 2, gamma 2
    "squeeze by less than two": ([1, 2, 3], 2, [2, 1]),
    "squeeze to one": ([1, 2, 6], 1, [3]),
    # 2 4 | 2 4, gamma 2
    "expand": ([2, 4], 4, [1, 2, 1, 2]),
    # 3 6 | 3 6 | 3, gamma 3
    "expand with cropping": ([3, 6], 5, [1, 2, 1, 2, 1]),
    # 2 4 6 | 2, gamma 2
    "expand by less than two": ([2, 4, 6], 4, [1, 2, 3, 1]),
    "expand from one": ([6], 3, [2, 2, 2]),
    "identity": ([1, 2, 3], 3, [1, 2, 3]),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_the_link_is_added_to_the_convolution(case):
    real, channels, link = BY_HAND[case]
    output = ElasticLink()([100 * tf.ones((1, 1, 1, channels)), _pixel(*real)])
    np.testing.assert_allclose(output.numpy().ravel(), 100 + np.array(link), rtol=1e-6)


@pytest.mark.parametrize("case", BY_HAND)
def test_without_gamma_the_link_is_a_plain_sum(case):
    real, channels, link = BY_HAND[case]
    layer = ElasticLink(use_gamma=False)
    output = layer([tf.zeros((1, 1, 1, channels)), _pixel(*real)])
    groups = -(-max(len(real), channels) // min(len(real), channels))
    np.testing.assert_array_equal(output.numpy().ravel(), groups * np.array(link))
    assert layer.gamma is None
    assert layer.weights == []


@pytest.mark.parametrize(
    ("in_channels", "out_channels", "gamma"),
    [(256, 64, 4), (64, 256, 4), (64, 64, 1), (256, 128, 2), (5, 2, 3), (2, 5, 3), (65, 64, 2), (64, 65, 2), (7, 1, 7)],
)
def test_gamma_starts_at_equation_5(in_channels, out_channels, gamma):
    layer = ElasticLink()
    layer.build([(None, 4, 4, out_channels), (None, 4, 4, in_channels)])
    assert float(layer.gamma) == gamma
    assert layer.gamma.shape == ()


def test_a_gamma_initializer_replaces_equation_5():
    layer = ElasticLink(gamma_initializer=keras.initializers.Constant(8.0))
    # 2 4 | 2 4 over 8
    output = layer([tf.zeros((1, 1, 1, 4)), _pixel(2, 4)])
    np.testing.assert_array_equal(output.numpy().ravel(), [0.25, 0.5, 0.25, 0.5])


# d/dgamma of sum((y + SEI / gamma) * g) is -sum(SEI * g) / gamma^2; d/dx gathers g / gamma from where x went
GRADIENTS = {
    # SEI 9 6, g 1 10, gamma 3: -(9 + 60) / 9
    "squeeze": ([1, 2, 3, 4, 5], [1, 10], -69 / 9, [1 / 3, 10 / 3, 1 / 3, 10 / 3, 1 / 3]),
    # SEI 2 4 2 4, gamma 2: -(2 + 8 + 6 + 16) / 4; x gets (1 + 3) / 2 and (2 + 4) / 2
    "expand": ([2, 4], [1, 2, 3, 4], -8, [2, 3]),
    # SEI 3 6 3 6 3, gamma 3: -(3 + 12 + 9 + 24 + 15) / 9; x gets (1 + 3 + 5) / 3 and (2 + 4) / 3
    "expand with cropping": ([3, 6], [1, 2, 3, 4, 5], -7, [3, 2]),
    # SEI 5 7, g 2 3, gamma 1: -(10 + 21)
    "identity": ([5, 7], [2, 3], -31, [2, 3]),
}


@pytest.mark.parametrize("case", GRADIENTS)
def test_the_gradients_have_the_values_of_the_hand_calculation(case):
    real, upstream, gamma_gradient, real_gradient = GRADIENTS[case]
    layer, x, y = ElasticLink(), _pixel(*real), _pixel(*[7] * len(upstream))
    with tf.GradientTape() as tape:
        tape.watch([x, y])
        total = tf.reduce_sum(layer([y, x]) * _pixel(*upstream))
    gradients = tape.gradient(total, [layer.gamma, x, y])
    np.testing.assert_allclose(gradients[0], gamma_gradient, rtol=1e-6)
    np.testing.assert_allclose(gradients[1].numpy().ravel(), real_gradient, rtol=1e-6)
    np.testing.assert_array_equal(gradients[2].numpy().ravel(), upstream)


def test_stride_2_max_pools_the_real_input():
    x = _image([[1, 5, -3, -4], [2, 3, -1, -2]])
    np.testing.assert_array_equal(ElasticLink(strides=2)([_image([[10, 20]]), x]), _image([[15, 19]]))


def test_stride_2_pools_what_is_left_of_odd_sizes_without_counting_the_padding():
    # 2x2 windows from the top left: the last ones hold what is left, all negative, so that a padded 0 would win
    x = _image([[-1, -2, -3], [-4, -5, -6], [-9, -8, -7]])
    np.testing.assert_array_equal(ElasticLink(strides=2)([tf.zeros((1, 2, 2, 1)), x]), _image([[-1, -3], [-8, -7]]))


def test_stride_2_pools_before_it_squeezes():
    # channel 0 pools to 2, channel 1 to 30: 32 / 2; the sum pooled afterwards would give max(31, 12) / 2
    x = tf.constant([[[[1.0, 30.0], [2.0, 10.0]]]])
    assert float(ElasticLink(strides=2)([tf.zeros((1, 1, 1, 1)), x])) == 16


def _reference(y, x, strides, gamma):
    """Equation 4 word by word, one output channel at a time, in float64."""
    if strides == 2:
        rows, columns = x.shape[1] % 2, x.shape[2] % 2
        x = np.pad(x, [(0, 0), (0, rows), (0, columns), (0, 0)], constant_values=-np.inf)
        x = np.maximum.reduce([x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)])
    out = y.astype(np.float64)
    for channel in range(max(y.shape[-1], x.shape[-1])):
        out[..., channel % y.shape[-1]] += x[..., channel % x.shape[-1]] / gamma
    return out


def _random_case(seed):
    random = np.random.default_rng(seed)
    strides = int(random.integers(1, 3))
    batch, height, width = (int(size) for size in random.integers(1, 8, 3))
    in_channels, out_channels = (int(size) for size in random.integers(1, 24, 2))
    x = random.normal(size=(batch, height, width, in_channels))
    y = random.normal(size=(batch, -(-height // strides), -(-width // strides), out_channels))
    return y.astype(np.float32), x.astype(np.float32), strides


@pytest.mark.parametrize("seed", range(24))
def test_random_shapes_agree_with_the_reference(seed):
    y, x, strides = _random_case(seed)
    layer = ElasticLink(strides, gamma_initializer=keras.initializers.Constant(1.7))
    output = layer([y, x])
    assert layer.compute_output_shape([y.shape, x.shape]) == output.shape
    np.testing.assert_allclose(output, _reference(y, x, strides, 1.7), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("channels", [(6, 2), (5, 2), (2, 6), (2, 5), (3, 3)])
def test_unknown_batch_and_spatial_sizes_give_the_static_result(channels, strides):
    in_channels, out_channels = channels
    x = tf.random.normal((3, 5, 8, in_channels))
    y = tf.random.normal((3, 5, 8, out_channels)) if strides == 1 else tf.random.normal((3, 3, 4, out_channels))
    model = _model((None, None, out_channels), (None, None, in_channels), strides=strides)
    assert model.output_shape == (None, None, None, out_channels)
    static = ElasticLink(strides)([y, x])
    np.testing.assert_array_equal(model([y, x]), static)
    np.testing.assert_array_equal(tf.function(model)([y, x]), static)


@pytest.mark.parametrize(("in_channels", "out_channels"), [(8, 2), (2, 8), (2, 2)])
def test_mixed_precision_computes_in_float16_with_a_float32_gamma(in_channels, out_channels):
    keras.mixed_precision.set_global_policy("mixed_float16")
    layer = ElasticLink()
    output = layer([tf.ones((1, 2, 2, out_channels)), tf.ones((1, 2, 2, in_channels))])
    assert output.dtype == tf.float16
    assert layer.gamma.dtype == tf.float32


def test_a_fixed_gamma_is_a_weight_that_is_not_trainable():
    layer = ElasticLink(trainable_gamma=False)
    layer.build([(None, 4, 4, 2), (None, 4, 4, 8)])
    assert layer.trainable_weights == []
    assert [float(weight) for weight in layer.non_trainable_weights] == [4]


def test_a_gamma_regularizer_adds_a_loss():
    layer = ElasticLink(gamma_regularizer=keras.regularizers.L2(0.5))
    layer([tf.ones((1, 1, 1, 2)), tf.ones((1, 1, 1, 8))])
    assert [float(loss) for loss in layer.losses] == [0.5 * 4**2]


@pytest.mark.parametrize("trainable", [True, False])
def test_a_training_step_changes_a_trainable_gamma_alone(trainable):
    model = _model((2, 2, 2), (2, 2, 8), trainable_gamma=trainable)
    model.compile("sgd", "mse")
    model.train_on_batch([tf.ones((1, 2, 2, 2)), tf.ones((1, 2, 2, 8))], tf.zeros((1, 2, 2, 2)))
    # output 1 + 4 / 4 = 2, loss 2^2; d/dgamma = -2 * 2 * 4 / 4^2 = -1; learning rate 0.01
    expected = 4 + 0.01 if trainable else 4
    assert float(model.get_layer("link").gamma) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("gamma_constraint", [None, "non_neg"])
def test_the_config_has_every_argument(gamma_constraint):
    arguments = {"strides": 2, "trainable_gamma": False, "use_gamma": True, "gamma_constraint": gamma_constraint}
    layer = ElasticLink(**arguments, gamma_initializer="ones", gamma_regularizer="l2", name="link")
    copy = ElasticLink.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    assert (copy.strides, copy.trainable_gamma, copy.use_gamma, copy.name) == (2, False, True, "link")
    assert isinstance(copy.gamma_initializer, keras.initializers.Ones)
    assert isinstance(copy.gamma_regularizer, keras.regularizers.L2)


def test_the_default_config_survives_a_round_trip():
    copy = ElasticLink.from_config(ElasticLink().get_config())
    copy.build([(None, 4, 4, 2), (None, 4, 4, 8)])
    assert float(copy.gamma) == 4


# Keras warns at every .h5 that its own format is newer
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("use_gamma", [True, False])
def test_a_saved_model_computes_the_same(tmp_path, suffix, use_gamma):
    model = _model((3, 3, 2), (6, 5, 8), strides=2, use_gamma=use_gamma)
    for gamma in model.weights:
        gamma.assign(2.5)
    model.save(tmp_path / f"model.{suffix}")
    loaded = keras.models.load_model(tmp_path / f"model.{suffix}")
    inputs = [tf.random.normal((2, 3, 3, 2)), tf.random.normal((2, 6, 5, 8))]
    np.testing.assert_array_equal(loaded(inputs), model(inputs))


def test_the_output_shape_is_that_of_the_convolution():
    shape = ElasticLink(strides=2).compute_output_shape([(None, 14, None, 64), (None, 28, 28, 256)])
    assert shape.as_list() == [None, 14, None, 64]


@pytest.mark.parametrize("strides", [0, 3, (2, 2), None, "2"])
def test_a_stride_other_than_1_and_2_is_refused(strides):
    with pytest.raises(ValueError, match="ElasticLink: strides must be 1 or 2 .*, got .*one number"):
        ElasticLink(strides)


@pytest.mark.parametrize(
    "shapes",
    [
        (1, 4, 4, 2),
        [(1, 4, 4, 2)],
        [(1, 4, 4, 2)] * 3,
        [(1, 4, 2), (1, 4, 2)],
        [(1, 4, 4, 2), (1, 4, 4, 4, 2)],
        [(1, 4, 4, 2), (1, 4, 4, None)],
    ],
)
def test_inputs_other_than_two_4d_tensors_are_refused(shapes):
    with pytest.raises(ValueError, match="ElasticLink takes a list of two 4-D tensors with known channels"):
        ElasticLink().build(shapes)


def test_a_single_tensor_is_refused_when_called():
    with pytest.raises(ValueError, match="takes a list of two 4-D tensors"):
        ElasticLink()(tf.ones((1, 4, 4, 2)))


@pytest.mark.parametrize(
    ("strides", "conv", "message"),
    [
        (1, (2, 4), r"height must be .* strides=1 and rounded up, got 2 for 4"),
        (1, (4, 2), r"width must be .* strides=1 and rounded up, got 2 for 4"),
        (2, (4, 2), r"height must be .* strides=2 and rounded up, got 4 for 4"),
        (2, (2, 1), r"width must be .* strides=2 and rounded up, got 1 for 4"),
    ],
)
def test_sizes_that_do_not_fit_together_are_refused(strides, conv, message):
    with pytest.raises(ValueError, match=message):
        ElasticLink(strides)([tf.ones((1, *conv, 2)), tf.ones((1, 4, 4, 2))])


def test_the_shapes_are_checked_for_the_output_shape_too():
    with pytest.raises(ValueError, match=r"got 4 for 4; give ElasticLink the convolution's strides"):
        ElasticLink(2).compute_output_shape([(None, 4, 4, 2), (None, 4, 4, 2)])
