"""What the methods of Table 3 are, by numbers: operation counts, equalities, and what stands where."""

import numpy as np
import pytest

from larq_el import zoo
from larq_el._keras import keras, lq, tf
from larq_el.complexity import complexity
from larq_el.layers import ChannelBias, ElasticLink, LearnedScale

SMALL = {"input_shape": (32, 32, 3), "width": 0.25, "classes": 10}


def images(count=8):
    return np.random.default_rng(0).normal(0, 60, (count, 32, 32, 3)).astype(np.float32)


def randomized(model):
    """Random values for all weights, so that no equality rests on an initial value."""
    random = np.random.default_rng(1)
    model.set_weights([random.normal(0.1, 0.5, weight.shape) ** 2 for weight in model.get_weights()])
    return model


@pytest.mark.parametrize(
    ("name", "millions"),
    # ReActNet's published counts: 0.87e8 and 2.14e8
    [("reactnet_a", 87.1), ("reactnet_c", 213.6), ("el_reactnet_c", 213.6)],
)
def test_published_operation_counts(name, millions):
    assert complexity(zoo.create_model(name)).ops / 1e6 == pytest.approx(millions, rel=0.005)


@pytest.mark.parametrize("letter", ["a", "c"])
def test_el_reactnet_with_every_gamma_1_is_reactnet(letter):
    reactnet = randomized(zoo.create_model(f"reactnet_{letter}", **SMALL))
    linked = zoo.create_model(f"el_reactnet_{letter}", **SMALL)
    gammas = [layer for layer in linked.layers if isinstance(layer, ElasticLink) and layer.gamma is not None]
    assert [float(layer.gamma) for layer in gammas] == [2.0] * 5
    for layer in linked.layers:
        if layer in gammas:
            layer.gamma.assign(1.0)
        else:
            layer.set_weights(reactnet.get_layer(layer.name).get_weights())
    np.testing.assert_allclose(linked.predict_on_batch(images()), reactnet.predict_on_batch(images()), rtol=1e-6)


def test_reactnets_doubling_is_two_convolutions_side_by_side():
    """The original block: two 1x1s, each with a BatchNorm and a sum with the same input, concatenated."""
    x = keras.Input((8, 8, 32))
    options = {"input_quantizer": "approx_sign", "kernel_quantizer": "magnitude_aware_sign", "use_bias": False}
    options["kernel_constraint"] = "weight_clip"
    halves = []
    for _ in range(2):
        y = lq.layers.QuantConv2D(32, 1, **options)(x)
        halves.append(keras.layers.Add()([keras.layers.BatchNormalization(gamma_initializer="he_normal")(y), x]))
    two = keras.Model(x, keras.layers.Concatenate()(halves))
    norm = keras.layers.BatchNormalization()
    one_conv = lq.layers.QuantConv2D(64, 1, **options)
    one = keras.Model(x, ElasticLink(use_gamma=False)([norm(one_conv(x)), x]))
    kernels, norms = [], []
    for layer in two.layers:
        if isinstance(layer, lq.layers.QuantConv2D):
            kernels.append(layer.get_weights()[0])
        if isinstance(layer, keras.layers.BatchNormalization):
            norms.append(layer.get_weights())
    one_conv.set_weights([np.concatenate(kernels, axis=-1)])
    norm.set_weights([np.concatenate(parts) for parts in zip(*norms, strict=True)])
    values = np.random.default_rng(0).normal(size=(2, 8, 8, 32)).astype(np.float32)
    np.testing.assert_allclose(one.predict_on_batch(values), two.predict_on_batch(values), rtol=1e-5, atol=1e-6)


def test_a_link_of_equal_width_and_gamma_1_is_bi_reals_shortcut():
    y, x = (np.random.default_rng(seed).normal(size=(2, 4, 4, 8)).astype(np.float32) for seed in (0, 1))
    link = ElasticLink(trainable_gamma=False)
    np.testing.assert_array_equal(link([y, x]), y + x)
    assert float(link.gamma) == 1.0


def test_el_mobilenet_keeps_signs_of_both_kinds():
    """ReLU before BatchNorm: behind the sum, every following sign would be +1."""
    model = zoo.ELMobileNet(**SMALL)
    real_inputs = [layer.input for layer in model.layers if isinstance(layer, lq.layers.QuantConv2D)]
    probe = keras.Model(model.inputs, real_inputs)
    for values in probe(images(), training=True):
        assert 0.02 < float(tf.reduce_mean(tf.cast(values < 0, tf.float32))) < 0.98


def test_el_mobilenet_is_full_precision_where_it_downsamples():
    model = zoo.ELMobileNet(**SMALL)
    strides = {layer.name: layer.strides for layer in model.layers if type(layer) is keras.layers.DepthwiseConv2D}
    assert strides == {f"pair{index}_depthwise_conv": (2, 2) for index in (2, 4, 6, 12)}
    links = [layer for layer in model.layers if isinstance(layer, ElasticLink)]
    gammas = [float(layer.gamma) for layer in links if layer.gamma is not None]
    # 13 pointwise: 32 to 64, 64 to 128, and so on: the channels double five times
    assert (len(links), sorted(gammas)) == (9 + 13, [1.0] * 8 + [2.0] * 5)


def test_real_to_binary_scales_each_channel_by_what_came_in():
    model = zoo.RealToBinResNet18(**SMALL)
    name = "stage1_block1_first"
    order = [layer.name for layer in model.layers if layer.name.startswith(name)]
    assert order[0] == f"{name}_bn"
    assert order.index(f"{name}_bn") < order.index(f"{name}_conv") < order.index(f"{name}_prelu")
    parts = [model.get_layer(f"{name}_{part}").output for part in ("bn", "conv", "rescale_sigmoid", "rescaled")]
    normalized, conv, scale, scaled = keras.Model(model.inputs, parts)(images())
    assert scale.shape == (8, 1, 1, 16)
    np.testing.assert_allclose(scaled, conv * scale, rtol=1e-6)
    hidden, out = (model.get_layer(f"{name}_rescale_{part}").kernel[0, 0] for part in ("relu", "sigmoid"))
    by_hand = tf.sigmoid(tf.nn.relu(tf.reduce_mean(normalized, axis=(1, 2)) @ hidden) @ out)
    np.testing.assert_allclose(scale[:, 0, 0], by_hand, rtol=1e-5)


def test_el_dagger_adds_links_to_real_to_binary():
    plain, linked = zoo.RealToBinResNet26(**SMALL), zoo.ELDaggerResNet26(**SMALL)
    extra = [layer.name for layer in linked.layers if layer.name not in {other.name for other in plain.layers}]
    assert len(extra) == 16
    assert all(name.endswith("_link") for name in extra)


def test_xnor_plus_plus_learns_a_scale_of_channels_rows_and_columns():
    model = zoo.XNORPlusPlusResNet18(**SMALL)
    scales = [layer for layer in model.layers if isinstance(layer, LearnedScale)]
    assert len(scales) == 16
    assert [tuple(weight.shape) for weight in scales[0].get_weights()] == [(16,), (32, 1, 1), (32, 1)]


def test_reactnet_shifts_each_sign_and_each_prelu():
    model = zoo.ReActNetA(**SMALL)
    biases = [layer.name for layer in model.layers if isinstance(layer, ChannelBias)]
    assert len(biases) == 26 * 3
    assert biases[:3] == ["block1_spatial_shift", "block1_spatial_bias_in", "block1_spatial_bias_out"]
