"""Other readings, by name: what each changes, and that it changes nothing else."""

import numpy as np
import pytest

from larq_el import zoo
from larq_el._keras import keras, lq, tf
from larq_el.errors import UserError
from larq_el.layers import ActivationScale, ElasticLink, TernaryThresholds

SMALL = {"input_shape": (32, 32, 3), "width": 0.125, "classes": 10}


def build(name, **arguments):
    return zoo.create_model(name, **SMALL, **arguments)


def images():
    return np.random.default_rng(0).normal(0, 60, (8, 32, 32, 3)).astype(np.float32)


def layers(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def names(model):
    return [layer.name for layer in model.layers]


def test_a_constant_k_changes_gradients_and_no_prediction():
    learned, constant = build("el_resnet26"), build("el_constant_k_resnet26")
    constant.set_weights(learned.get_weights())
    np.testing.assert_array_equal(constant.predict_on_batch(images()), learned.predict_on_batch(images()))
    assert {scale.stop_gradient for scale in layers(constant, ActivationScale)} == {True}
    assert {scale.stop_gradient for scale in layers(learned, ActivationScale)} == {False}
    gradients = []
    for model in (learned, constant):
        with tf.GradientTape() as tape:
            loss = keras.losses.sparse_categorical_crossentropy(np.arange(8), model(images()))
        gradients.append(tape.gradient(loss, model.get_layer("stem_conv").kernel))
    assert np.abs(gradients[0] - gradients[1]).max() > 1e-3 * np.abs(gradients[0]).max()


@pytest.mark.parametrize("number", [1, 2])
def test_el_i_literally_has_no_sum_around_the_3x3(number):
    row, literal = build(f"el_{number}_resnet26"), build(f"el_{number}_literal_resnet26")
    missing = [f"stage{stage}_block{block}_spatial_link" for stage in (1, 2, 3, 4) for block in (1, 2)]
    assert sorted(set(names(row)) - set(names(literal))) == missing
    assert set(names(literal)) <= set(names(row))


def test_el_i_literally_makes_each_row_of_table_2_another_network():
    rows = ["s_ks", "el_1_literal", "el_2_literal", "el_3", "el_4", "el_5", "el_6"]
    # S-ResNet26 with K is the baseline, as the text calls it
    built = [build(f"{row}_resnet26") for row in rows]
    links = [
        tuple((layer.name, layer.use_gamma, layer.trainable_gamma) for layer in layers(model, ElasticLink))
        for model in built
    ]
    others = [(len(layers(model, ActivationScale)), len(layers(model, keras.layers.Add))) for model in built]
    assert len(set(zip(links, others, strict=True))) == len(rows)


def test_the_last_relu_stands_between_batchnorm_and_link_and_in_no_float_part():
    model = build("el_relu_last_mobilenet")
    for kind in ("depthwise", "pointwise"):
        order = [name for name in names(model) if name.startswith(f"pair1_{kind}_")]
        assert order == [f"pair1_{kind}_{part}" for part in ("conv", "bn", "relu", "link")]
    assert [name for name in names(model) if name.startswith(("stem", "pair2_depthwise"))] == [
        *("stem_conv", "stem_bn", "pair2_depthwise_conv", "pair2_depthwise_bn")
    ]


def negative(name):
    """The share of negative values at the input of each binary convolution, before training."""
    model = build(name)
    inputs = [layer.input for layer in layers(model, lq.layers.QuantConv2D | lq.layers.QuantDepthwiseConv2D)]
    values = keras.Model(model.input, inputs)(images(), training=True)
    return [float(tf.reduce_mean(tf.cast(value < 0, tf.float32))) for value in values]


def test_behind_batchnorm_the_relu_takes_the_negative_signs_away():
    assert min(negative("el_mobilenet")) > 0.4
    shares = negative("el_relu_last_mobilenet")
    assert shares[0] > 0.3  # behind the stem, which has no ReLU
    # of the last of five pairs with 512 channels at full width nothing is
    assert shares[18] < 0.05


@pytest.mark.parametrize(("name", "delta"), [("tbn_delta_04_resnet18", 0.4), ("tbn_resnet18", 0.5)])
def test_tbns_delta(name, delta):
    thresholds = layers(build(name), TernaryThresholds)
    assert [layer.delta for layer in thresholds] == [delta] * 16


def test_bi_real_with_one_shortcut_a_block():
    row, other = build("bi_real_resnet26"), build("bi_real_one_shortcut_resnet26")
    sums = {f"stage{stage}_block{block}_spatial_add" for stage in (1, 2, 3, 4) for block in (1, 2)}
    assert set(names(row)) - set(names(other)) == sums
    assert set(names(other)) <= set(names(row))


def test_xnor_with_batchnorm_last():
    model = build("xnor_norm_last_resnet18")
    order = [name for name in names(model) if name.startswith("stage1_block1_first")]
    assert order == [f"stage1_block1_first_{part}" for part in ("conv", "scale", "scaled", "bn")]
    assert not {"stem_relu", "last_bn", "last_relu"} & set(names(model))


def test_latent_weights_start_where_they_are_told_to():
    start = keras.initializers.RandomUniform(0, 1e-3)
    plain, small = build("bi_real_mobilenet"), build("bi_real_mobilenet", latent_initializer=start)
    assert names(small) == names(plain)
    binary = layers(small, lq.layers.QuantConv2D | lq.layers.QuantDepthwiseConv2D)
    kernels = [layer.get_weights()[0] for layer in binary]
    assert len(kernels) == 22
    assert all(kernel.min() >= 0 and 5e-4 < kernel.max() <= 1e-3 for kernel in kernels)
    assert small.get_layer("stem_conv").get_weights()[0].min() < 0
    assert layers(plain, lq.layers.QuantConv2D)[0].get_weights()[0].min() < 0


@pytest.mark.parametrize("initializer", ["small", 0.5, abs])
def test_what_is_no_initializer_is_refused(initializer):
    with pytest.raises(UserError, match="latent_initializer must be a Keras initializer, such as 'glorot_normal', got"):
        build("bi_real_resnet18", latent_initializer=initializer)
