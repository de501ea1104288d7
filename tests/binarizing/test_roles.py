"""What becomes binary, in which role, and why the rest stays float."""

import numpy as np
import pytest

from larq_el import binarize
from larq_el._keras import keras, lq, tf

layers = keras.layers


def classified(image, x, **kwargs):
    return keras.Model(image, layers.Dense(10, name="classes")(layers.GlobalAveragePooling2D()(x)), **kwargs)


def conv(x, filters, size=3, relu=True, norm=True, **kwargs):
    x = layers.Conv2D(filters, size, padding=kwargs.pop("padding", "same"), use_bias=False, **kwargs)(x)
    x = layers.BatchNormalization()(x) if norm else x
    return layers.ReLU()(x) if relu else x


def start(size=32, channels=32):
    """An image and what the first convolution makes of it."""
    image = keras.Input((size, size, 3), name="image")
    return image, conv(image, channels, name="stem")


def planned(model, **choices):
    """Role and reason of each layer."""
    return {layer.name: layer for layer in binarize(model, plan=True, **choices).layers}


def test_first_last_gates_and_dense_layers_stay_float():
    image, x = start()
    x = conv(x, 32, name="middle")
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(8, 1, activation="relu", name="squeeze")(gate)
    x = layers.Multiply()([x, layers.Conv2D(32, 1, activation="sigmoid", name="excite")(gate)])
    x = conv(x, 64, name="second")
    model = keras.Model(image, layers.Conv2D(5, 1, activation="softmax", name="segments")(x))
    found = planned(model)
    assert {name: layer.role for name, layer in found.items()} == {
        "stem": "",
        "middle": "spatial",
        "squeeze": "",
        "excite": "",
        "second": "wider",
        "segments_logits": "",
    }
    assert found["stem"].why == "the first convolution: it reads the image"
    assert found["squeeze"].why == found["excite"].why == "behind a global pooling: a gate's or a classifier's"
    assert found["segments_logits"].why == "the last convolution: a classifier"


def test_the_last_convolution_of_a_feature_extractor_is_binary():
    image, x = start()
    assert planned(keras.Model(image, conv(x, 32, name="last")))["last"].binary


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (lambda: layers.Conv2DTranspose(32, 3, padding="same", name="odd"), "a Conv2DTranspose: LCE has no binary one"),
        (lambda: layers.DepthwiseConv2D(3, padding="same", name="odd"), "depthwise: more accurate in float"),
        (lambda: layers.Conv2D(32, 3, padding="same", groups=4, name="odd"), "its 4 groups have 8 channels"),
        (
            lambda: lq.layers.QuantConv2D(32, 3, padding="same", input_quantizer="ste_sign", name="odd"),
            "one of Larq's layers",
        ),
    ],
)
def test_what_is_not_understood_or_not_run_stays_float(layer, why):
    image, x = start()
    x = conv(layer()(x), 32, name="binary")
    found = planned(classified(image, x))
    assert not found["odd"].binary
    assert why in found["odd"].why
    assert found["binary"].binary


def test_depthwise_convolutions_by_choice():
    image, x = start()
    x = layers.DepthwiseConv2D(3, padding="same", name="same")(x)
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", name="down")(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same", name="double")(x)
    found = planned(classified(image, conv(x, 32, 1)), depthwise="binary")
    assert [found[name].role for name in ("same", "down", "double")] == ["depthwise", "", ""]
    assert "with a stride" in found["down"].why
    assert "2 filters a channel" in found["double"].why
    assert "on bits in larq_el's runtime" in found["same"].why


def test_a_class_of_ones_own_stays_float():
    @keras.utils.register_keras_serializable("tests")
    class Odd(layers.Conv2D):
        def call(self, inputs):
            return super().call(inputs) * 2.0

    image, x = start()
    found = planned(classified(image, conv(Odd(32, 3, name="odd")(x), 32)))
    assert found["odd"].why == "a Odd, whose computation is not known here"


def test_a_shortcuts_change_of_shape_stays_float_and_gets_its_stride_on_a_pool():
    image, x = start()
    y = conv(conv(x, 16, 1, name="reduce", strides=2), 64, 1, relu=False, name="expand")
    x = layers.ReLU()(layers.Add()([y, conv(x, 64, 1, relu=False, strides=2, name="fits")]))
    model = classified(image, conv(x, 64))
    found = planned(model)
    assert [found[name].role for name in ("reduce", "expand", "fits")] == ["reduce", "expand", ""]
    assert found["fits"].why == "a shortcut's change of shape, behind a 2x2 average pool, as the method has it"
    made = binarize(model)
    assert made.get_layer("fits").strides == (1, 1)
    assert made.get_layer("fits_pool").pool_size == (2, 2)
    np.testing.assert_array_equal(made.get_layer("fits").get_weights()[0], model.get_layer("fits").get_weights()[0])


def test_a_pointwise_that_reads_a_sum_is_no_shortcut():
    image, x = start()
    y = conv(x, 32, name="branch", relu=False)
    y = conv(y, 32, 1, relu=False, name="last")
    assert planned(classified(image, layers.Add()([y, x])))["last"].binary


def test_keep_takes_names_patterns_and_functions():
    image, x = start()
    for index in range(4):
        x = conv(x, 32, name=f"block{index}")
    model = classified(image, x)

    def kept(keep):
        return [name for name, layer in planned(model, keep=keep).items() if layer.why == "you keep it"]

    assert kept("block1") == ["block1"]
    assert kept(["block[12]", "block3"]) == ["block1", "block2", "block3"]
    assert kept(lambda layer: layer.name.endswith("0")) == ["block0"]
    float_one = binarize(model, keep="block1").get_layer("block1")
    np.testing.assert_array_equal(float_one.get_weights()[0], model.get_layer("block1").get_weights()[0])


def relus_of(x, **choices):
    image = keras.Input((32, 32, 3), name="image")
    return binarize(classified(image, x(conv(image, 32, name="stem"))), plan=True, **choices)


def test_relus_go_where_they_reach_a_sign_and_stay_elsewhere():
    image = keras.Input((32, 32, 3), name="image")
    x = layers.Conv2D(32, 3, padding="same", name="stem")(image)
    x = layers.ReLU(name="before_pool")(x)
    x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(32, 3, padding="same", name="one")(x)
    x = layers.ReLU(6.0, name="before_norm")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Activation("swish", name="swish")(x)
    left = layers.Activation("relu", name="joined")(layers.Conv2D(32, 1, name="two")(x))
    right = tf.nn.relu(layers.Conv2D(32, 3, padding="same", name="three")(x))
    x = layers.Concatenate()([left, right])
    x = layers.Conv2D(32, 1, name="four")(x)
    x = layers.ReLU(name="before_float")(x)
    x = layers.Conv2DTranspose(32, 2, name="up")(x)
    x = layers.ReLU(name="before_head")(layers.Conv2D(32, 1, name="five")(x))
    plan = binarize(classified(image, x), plan=True)
    assert set(plan.dropped) == {"before_pool", "joined", "tf.nn.relu"}
    assert plan.before_head == ("before_head",)
    # between a convolution and its BatchNorm it does no harm, and becomes a step of the unit
    assert {layer.name: layer.steps for layer in plan.layers}["one"] == ("centre", "conv", "relu", "norm", "link")
    made = binarize(classified(image, x))
    assert {"swish", "before_float"} <= {layer.name for layer in made.layers}


def test_hard_swish_is_dropped_before_a_sign_and_a_gate_keeps_its_relu():
    image, x = start()
    x = layers.BatchNormalization()(layers.Conv2D(32, 3, padding="same", name="one")(x))
    x = layers.Multiply(name="hard_swish")([x, layers.ReLU(6.0, name="inside")(x + 3.0) * (1.0 / 6.0)])
    plan = binarize(classified(image, conv(x, 32, name="two")), plan=True)
    assert "hard_swish" in plan.dropped
    assert "inside" not in plan.dropped


def test_an_exact_gelu_becomes_the_one_by_tanh():
    image, x = start()
    x = layers.Activation("gelu", name="gelu")(conv(x, 32, relu=False))
    model = classified(image, conv(x, 32))
    assert binarize(model, plan=True).exchanged == ("gelu",)
    made = binarize(model)
    assert any(getattr(layer, "symbol", "") == "nn.gelu" for layer in made.layers)


def test_a_basic_block_gets_a_shortcut_around_each_convolution():
    image, x = start()
    y = conv(conv(x, 32, name="first"), 32, relu=False, name="last")
    x = layers.ReLU()(layers.Add(name="add")([y, x]))
    model = classified(image, conv(x, 32, name="behind"))
    found = planned(model)
    assert (found["first"].role, found["last"].role, found["behind"].role) == ("basic", "basic_last", "spatial")
    made = binarize(model)
    assert {layer.name for layer in made.layers if isinstance(layer, layers.Add)} == {"first_add", "add"}
    # one block of a method with one shortcut a block stays as it is
    assert [layer.name for layer in binarize(model, "abc").layers if isinstance(layer, layers.Add)] == ["add"]


@pytest.mark.parametrize(
    "method", ["el", "s_ks", "xnor", "abc", "bi_real", "binary_e", "real_to_bin", "react_basic", "tbn"]
)
def test_methods_build_and_train(method):
    image, x = start()
    y = conv(conv(x, 32, name="first"), 32, relu=False, name="last")
    x = layers.ReLU()(layers.Add()([y, x]))
    x = conv(x, 64, (1, 7), name="row", padding="valid")
    x = conv(x, 64, name="down", strides=2)
    made = binarize(classified(image, x), method)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(made(np.random.default_rng(0).normal(size=(4, 32, 32, 3)), training=True)))
    kernels = [weight for weight in made.trainable_weights if "conv/" in weight.name and "kernel" in weight.name]
    assert len(kernels) >= 4
    for kernel, gradient in zip(kernels, tape.gradient(loss, kernels), strict=True):
        assert np.abs(gradient).max() > 0, kernel.name


def test_a_method_without_a_unit_for_a_role_says_so():
    image, x = start()
    x = layers.DepthwiseConv2D(3, padding="same", name="odd")(x)
    model = classified(image, conv(x, 32))
    with pytest.raises(ValueError, match="method 'tbn' does not say what a 'depthwise' convolution such as 'odd'"):
        binarize(model, "tbn", depthwise="binary")


def test_a_relu_behind_which_pixels_only_move_goes():
    """A channel shuffle, as ShuffleNet's."""
    image, x = start()
    x = layers.ReLU(name="shuffled")(layers.Conv2D(32, 3, padding="same", name="one")(x))
    x = layers.Reshape((32, 32, 32))(layers.Permute((1, 2, 4, 3))(layers.Reshape((32, 32, 4, 8))(x)))
    left, right = tf.split(x, 2, axis=-1)
    x = tf.concat([layers.Conv2D(32, 1, name="left")(left), right], axis=-1)
    assert "shuffled" in binarize(classified(image, conv(x, 48)), plan=True).dropped


def test_a_sign_behind_a_relu_that_stays_is_centred():
    image, x = start()
    x = layers.ReLU(name="scaled")(layers.BatchNormalization()(x)) * 2.0 + 1.0
    plan = binarize(classified(image, conv(x, 32, name="behind")), plan=True)
    assert "scaled" not in plan.dropped
    assert {layer.name: layer.why for layer in plan.layers}["behind"].startswith("its sign is centred")


def test_an_output_keeps_its_relu():
    image, x = start()
    features = layers.ReLU(name="features")(layers.BatchNormalization()(layers.Conv2D(32, 3, padding="same")(x)))
    classes = layers.Dense(3)(layers.GlobalAveragePooling2D()(conv(features, 32)))
    made = binarize(keras.Model(image, [features, classes]))
    found = made(np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype(np.float32))[0]
    assert np.min(found) == 0
    assert made.get_layer("features").output is made.outputs[0]


def test_convolutions_inside_a_wrapper_are_named():
    frames = keras.Input((4, 16, 16, 3))
    x = layers.TimeDistributed(layers.Conv2D(32, 3, padding="same"), name="frames")(frames)[:, 0]
    found = planned(classified(frames, conv(x, 32, name="binary")))
    assert found["frames"].why == "a TimeDistributed: LCE has no binary one"
    assert found["frames"].macs == 4 * 16 * 16 * 9 * 3 * 32
    assert found["binary"].binary


def test_a_frozen_backbone_is_opened():
    backbone = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(64, 64, 3), alpha=0.35)
    backbone.trainable = False
    image = keras.Input((64, 64, 3))
    made = binarize(classified(image, backbone(image, training=False)))
    assert made.get_layer("block_2_expand_conv").trainable
    assert not made.get_layer("Conv1").trainable
