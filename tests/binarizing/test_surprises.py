"""Networks that were found to break, each a case of a kind: they are built, and they live."""

import functools

import numpy as np
import pytest

from larq_el import binarize
from larq_el._keras import keras, tf
from larq_el.binarizing import signs_of

layers = keras.layers


def conv(x, filters, size=3, relu=True, **arguments):
    x = layers.BatchNormalization()(layers.Conv2D(filters, size, padding="same", **arguments)(x))
    return layers.ReLU()(x) if relu else x


def headed(image, x):
    return keras.Model(image, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def residual(add, width=32):
    """A block of two convolutions, whose sum is written in some way."""
    return lambda x: layers.ReLU()(add(conv(conv(x, width), 32, relu=False), x))


def gated(x):
    """By a pool of the whole image, which is a global one."""
    gate = layers.Conv2D(16, 1, activation="relu", name="squeeze")(layers.AveragePooling2D(16)(x))
    return x * layers.Conv2D(32, 1, activation="sigmoid", name="excite")(gate)


MIDDLES = {
    "a block that is narrower inside": residual(lambda y, x: layers.Add()([x, y]), width=16),
    "a sum by an operator": residual(lambda y, x: y + x),
    "a sum by a function and names": residual(lambda y, x: tf.add(x=y, y=x)),
    "a ReLU inside a transposed convolution": layers.Conv2DTranspose(32, 2, strides=2, activation="relu"),
    "max(x, 0)": lambda x: tf.maximum(conv(x, 32, relu=False), 0.0),
    "x clipped from 0 on": lambda x: tf.clip_by_value(conv(x, 32, relu=False), 0.0, 6.0),
    "a sigmoid": lambda x: tf.sigmoid(conv(x, 32, relu=False)),
    "a square": lambda x: tf.square(conv(x, 32, relu=False)),
    "a ReLU in a Lambda": lambda x: layers.Lambda(tf.nn.relu)(conv(x, 32, relu=False)),
    "a PReLU that starts as a ReLU": lambda x: layers.PReLU(shared_axes=[1, 2])(conv(x, 32, relu=False)),
    "an average of ReLUs": lambda x: layers.Average()([conv(x, 32), conv(x, 32)]),
    "the smallest of ReLUs": lambda x: layers.Minimum()([conv(x, 32), conv(x, 32)]),
    "a product of ReLUs": lambda x: conv(x, 32) * conv(x, 32),
    "a max-pool by a function": lambda x: tf.nn.max_pool2d(conv(x, 32), 3, 1, "SAME"),
    "the root of a pooled ReLU": lambda x: x * tf.sqrt(layers.GlobalAveragePooling2D(keepdims=True)(x)),
    "an exact GELU, said": lambda x: tf.nn.gelu(conv(x, 32, relu=False), approximate=False),
    "a GELU by tanh, said by position": lambda x: tf.nn.gelu(conv(x, 32, relu=False), True),
    "a gate behind a pool of the whole image": gated,
    "a convolution over time": lambda x: layers.ConvLSTM2D(32, 3, padding="same")(x[:, tf.newaxis]),
}


@pytest.mark.parametrize("name", MIDDLES)
def test_it_lives(name):
    image = keras.Input((16, 16, 3))
    model = headed(image, conv(MIDDLES[name](conv(image, 32)), 32))
    binarize(model, plan=True)
    made, images = binarize(model), np.random.default_rng(0).normal(size=(4, 16, 16, 3)).astype(np.float32)
    before = made.get_weights()
    for signs in signs_of(made, images):
        assert signs.learns, signs
        assert 0.05 < signs.positive < 0.95, signs
    for old, new in zip(before, made.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert np.isfinite(made(images, training=True)).all()


def test_a_sum_is_the_same_however_it_is_written():
    kinds = []
    for add in (lambda y, x: layers.Add()([y, x]), lambda y, x: y + x, lambda y, x: tf.add(x=y, y=x)):
        keras.backend.clear_session()
        image = keras.Input((16, 16, 3))
        made = binarize(headed(image, conv(residual(add)(conv(image, 32)), 32)))
        sums = [layer for layer in made.layers if "add" in layer.name]
        kinds.append([sorted(source.node.layer.name.split("_")[-1] for source in layer_inputs(one)) for one in sums])
    assert kinds[0] == kinds[1] == kinds[2]


def layer_inputs(layer):
    """The tensors that a layer reads."""
    return [tensor for tensor in tf.nest.flatten(layer.inbound_nodes[0].keras_inputs) if hasattr(tensor, "node")]


def test_who_is_no_sign_keeps_a_relu():
    image = keras.Input((16, 16, 3))
    pooled = layers.MaxPooling2D(name="pooled")(conv(conv(image, 32), 32))
    logs = layers.Dense(3)(tf.math.log(layers.GlobalAveragePooling2D()(conv(pooled, 32)) + 1e-3))
    made = binarize(keras.Model(image, [pooled, logs]))
    outputs = made(np.random.default_rng(0).normal(size=(4, 16, 16, 3)).astype(np.float32), training=True)
    assert np.min(outputs[0]) == 0
    assert np.isfinite(outputs[1]).all()


def test_outputs_keep_their_names():
    image = keras.Input((16, 16, 3))
    x = layers.GlobalAveragePooling2D()(conv(conv(image, 32), 32))
    heads = [
        layers.Dense(3, activation="softmax", name="kind")(x),
        layers.Dense(1, activation="sigmoid", name="flag")(x),
    ]
    assert binarize(keras.Model(image, heads)).output_names == ["kind", "flag"]


def test_a_layer_is_one_thing_in_all_its_calls():
    image = keras.Input((16, 16, 32))
    shared = layers.Conv2D(32, 3, padding="same", name="shared")
    model = headed(image, conv(shared(layers.ReLU()(shared(image))), 32))
    assert binarize(model, plan=True).layers[0].why == "the first convolution: it reads the image"
    assert len(binarize(model).get_layer("shared").inbound_nodes) == 2


def test_the_first_separable_convolution_stays_float_as_a_whole():
    image = keras.Input((16, 16, 3))
    plan = binarize(headed(image, conv(layers.SeparableConv2D(32, 3, padding="same")(image), 32)), plan=True)
    assert [layer.binary for layer in plan.layers[:3]] == [False, False, True]


def test_few_channels_stay_float():
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(1, 7, padding="same", name="narrow")(conv(conv(image, 32), 4))
    plan = binarize(headed(image, conv(x, 32)), plan=True)
    assert {layer.name: layer.why for layer in plan.layers}["narrow"] == "it reads 4 channels: there is little to gain"


def test_norms_of_a_frozen_backbone_find_their_statistics_anew():
    backbone = keras.Sequential(
        [
            layers.Conv2D(32, 3, input_shape=(16, 16, 3), name="one"),
            layers.Conv2D(32, 3, name="two"),
            layers.LeakyReLU(),
            layers.BatchNormalization(name="behind"),
        ]
    )
    backbone.trainable = False
    image = keras.Input((16, 16, 3))
    made = binarize(headed(image, conv(backbone(image, training=False), 32)))
    assert made.get_layer("behind").trainable
    assert not made.get_layer("one").trainable


def test_a_model_of_mixed_precision_is_built_as_such():
    policy = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(keras.mixed_precision.Policy("mixed_bfloat16"))
    try:
        image = keras.Input((16, 16, 3))
        x = conv(image, 32)
        x = tf.concat([conv(x, 32), layers.DepthwiseConv2D(3, padding="same")(x)], -1) * tf.constant(0.5, tf.bfloat16)
        model = headed(image, conv(x, 32))
    finally:
        keras.mixed_precision.set_global_policy(policy)
    made = binarize(model)
    assert made.get_layer("conv2d_1_conv").compute_dtype == "bfloat16"
    assert keras.mixed_precision.global_policy() is policy or keras.mixed_precision.global_policy().name == policy.name


def named(layer, **arguments):
    image = keras.Input((16, 16, 3))
    return headed(image, conv(layer(conv(image, 64)), 32)), arguments


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (
            lambda: named(layers.Conv2D(32, 3, activation=functools.partial(tf.nn.leaky_relu, alpha=0.1))),
            "a Conv2D, has no configuration to build it again from: .*; give it a complete get_config",
        ),
        (lambda: named(layers.Conv2D(32, 1), method="s_first_link"), "'s_first_link' does not say what a 'reduce'"),
        (lambda: named(layers.Conv2D(32, 1), method="el_4"), "'el_4' takes residual shortcuts away"),
        (lambda: named(layers.Conv2D(32, 1), method=["el"]), r"there is no method \['el'\]"),
        (lambda: named(layers.Conv2D(32, 1), keep=3), "keep must be names, patterns of names or a function"),
        (lambda: named(layers.Conv2D(32, 1), latent_scale="0.1"), "latent_scale must be above 0"),
        (lambda: named(layers.Conv2D(32, 1), pad_values=np.zeros(2)), "pad_values must be 0 or 1"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(case, message):
    model, arguments = case()
    with pytest.raises(ValueError, match=message):
        binarize(model, **arguments)


def test_a_unit_that_cannot_stand_there_is_named():
    image = keras.Input((None, None, 3))
    with pytest.raises(ValueError, match="the unit of layer 'conv2d_1' cannot be built: .*; keep the layer in full"):
        binarize(headed(image, conv(conv(image, 32), 32)), "xnor_plus_plus")


def test_groups_of_a_method_that_has_none_stay_float():
    model, _ = named(layers.Conv2D(64, 3, padding="same", groups=2, name="grouped"))
    plan = binarize(model, "abc", plan=True)
    assert {layer.name: layer.why for layer in plan.layers}["grouped"].startswith("it has 2 groups")


def test_k_of_a_dilated_convolution_has_its_window():
    model, _ = named(layers.Conv2D(64, 3, dilation_rate=2, name="dilated"))
    made = binarize(model, "xnor")
    assert made.get_layer("dilated_scale").output_shape == (None, 12, 12, 1)


def test_a_name_in_a_model_inside_can_be_kept():
    image = keras.Input((16, 16, 32))
    inner = keras.Model(image, conv(image, 32, name="only"), name="inner")
    outer = keras.Input((16, 16, 3))
    plan = binarize(headed(outer, conv(inner(conv(outer, 32)), 32)), keep="inner/*", plan=True)
    assert {layer.name: layer.why for layer in plan.layers}["only"] == "you keep it"
