"""What binary units compute, and what they start from."""

import numpy as np
import pytest

from larq_el import binarize
from larq_el._keras import keras, tf
from larq_el.binarizing.units import suffixes
from larq_el.layers import ElasticLink
from larq_el.zoo.methods import METHODS
from larq_el.zoo.steps import Conv
from larq_el.zoo.unit import conv_unit

layers = keras.layers


def images(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def network(*middle, size=16, channels=32):
    """A first convolution, layers, and a classifier."""
    return keras.Sequential(
        [
            keras.Input((size, size, 3)),
            layers.Conv2D(channels, 3, padding="same", name="stem"),
            *middle,
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="softmax", name="classes"),
        ]
    )


def between(model, first, last):
    """What two layers of a model give for random images, at inference."""
    probe = keras.Model(model.input, [model.get_layer(first).output, model.get_layer(last).output])
    return [np.asarray(value) for value in probe(images(2, *model.input_shape[1:]), training=False)]


def convolved(x, kernel, strides, padding, dilation=1):
    signs, kernel = np.where(x >= 0, 1.0, -1.0), np.where(kernel >= 0, 1.0, -1.0)
    return np.asarray(tf.nn.conv2d(signs.astype("f"), kernel.astype("f"), strides, padding, dilations=dilation))


@pytest.mark.parametrize(
    ("size", "strides", "padding", "dilation"),
    [(3, 1, "valid", 1), (3, 2, "valid", 1), ((1, 7), 1, "valid", 1), (4, 2, "valid", 1), (3, 1, "valid", 2)],
)
def test_a_link_around_an_unpadded_convolution_is_cropped(size, strides, padding, dilation):
    model = network(layers.Conv2D(32, size, strides, padding, dilation_rate=dilation, use_bias=False, name="middle"))
    made = binarize(model, centre=False)
    x, y = between(made, "stem", "middle_link")
    kernel = made.get_layer("middle_conv").get_weights()[0]
    counts = convolved(x, kernel, strides, "VALID", dilation)
    norm = made.get_layer("middle_bn")
    borders = [(edge - 1) * dilation for edge in kernel.shape[:2]]
    rows, columns = (slice(border // 2, x.shape[1] - (border - border // 2)) for border in borders)
    link = x[:, rows, columns]
    link = np.asarray(tf.nn.max_pool2d(link, 2, 2, "SAME")) if strides == 2 else link
    expected = counts / np.sqrt(norm.moving_variance + norm.epsilon) + link
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("strides", [(3, 3), (1, 2)])
def test_strides_that_a_link_does_not_have_are_pooled(strides):
    model = network(layers.Conv2D(32, 3, strides, "same", use_bias=False, name="middle"))
    made = binarize(model, centre=False)
    x, y = between(made, "stem", "middle_link")
    norm = made.get_layer("middle_bn")
    counts = convolved(x, made.get_layer("middle_conv").get_weights()[0], strides, "SAME")
    link = np.asarray(tf.nn.max_pool2d(x, strides, strides, "SAME"))
    expected = counts / np.sqrt(norm.moving_variance + norm.epsilon) + link
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)


def test_latent_kernels_are_the_float_ones_scaled():
    model = network(layers.Conv2D(64, 3, name="middle"))
    made = binarize(model, latent_scale=0.5)
    old, new = (one.get_weights()[0] for one in (model.get_layer("middle"), made.get_layer("middle_conv")))
    np.testing.assert_allclose(new, old * 0.5 / np.abs(old).max(), rtol=1e-6)


def test_a_batch_norm_is_taken_over_and_starts_from_the_variance_of_its_sums():
    model = network(
        layers.Conv2D(64, 3, padding="same", name="middle"), layers.BatchNormalization(name="norm"), layers.ReLU()
    )
    model.get_layer("norm").set_weights([np.full(64, 2.0), np.full(64, 3.0), np.full(64, 9.0), np.full(64, 9.0)])
    made = binarize(model)
    gamma, beta, mean, variance = made.get_layer("middle_bn").get_weights()
    assert set(gamma) == {2.0}
    assert set(beta) == {3.0}
    assert set(mean) == {0.0}
    np.testing.assert_allclose(variance, 3 * 3 * 32)
    assert not any(layer.name == "norm" for layer in made.layers)


def test_an_alpha_of_the_kernel_counts_in_the_variance():
    model = network(layers.Conv2D(64, 1, use_bias=False, name="middle"), layers.BatchNormalization())
    made = binarize(model, "bi_real")
    kernel = made.get_layer("middle_conv").get_weights()[0]
    expected = 32 * np.square(np.abs(kernel).mean(axis=(0, 1, 2)))
    np.testing.assert_allclose(made.get_layer("middle_bn").moving_variance, expected, rtol=1e-5)


def test_kept_layers_keep_their_weights_and_the_model_is_not_changed():
    model = network(layers.Conv2D(64, 3, name="middle"), layers.BatchNormalization(name="norm"))
    before, config = model.get_weights(), model.get_config()
    made = binarize(model)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert model.get_config() == config
    for name, kept in (("stem", "stem"), ("classes", "classes_logits")):
        for old, new in zip(model.get_layer(name).get_weights(), made.get_layer(kept).get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)


def test_a_sign_behind_a_max_pool_is_centred_and_its_link_is_not():
    model = network(
        layers.BatchNormalization(), layers.MaxPooling2D(3, name="pool"), layers.Conv2D(32, 1, name="middle")
    )
    made = binarize(model)
    assert isinstance(made.get_layer("middle_centre"), layers.BatchNormalization)
    assert made.get_layer("middle_link").input[1] is made.get_layer("pool").output
    (note,) = [layer.why for layer in binarize(model, plan=True).layers if layer.name == "middle"]
    assert note == "its sign is centred: 99% would be +1"
    assert not any("centre" in layer.name for layer in binarize(model, centre=False).layers)


def test_k_of_a_centred_sign_reads_what_the_link_reads():
    model = network(
        layers.BatchNormalization(), layers.MaxPooling2D(3, name="pool"), layers.Conv2D(32, 1, name="middle")
    )
    made = binarize(model)
    assert made.get_layer("middle_scale").input is made.get_layer("pool").output
    assert made.get_layer("middle_conv").input is made.get_layer("middle_centre").output


def test_a_branch_that_would_carry_its_sums_other_operand_loses_a_link():
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(32, 3, padding="same", name="stem")(image)
    y = layers.Conv2D(32, 3, padding="same", name="one")(x)
    y = layers.Conv2D(32, 1, name="two")(layers.BatchNormalization()(y))
    y = layers.Add()([x, y])
    made = binarize(keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(y))))
    linked = {layer.name for layer in made.layers if isinstance(layer, ElasticLink)}
    assert linked == {"two_link"}


def test_a_chain_that_would_grow_reads_a_normalized_input():
    """Thirty bottlenecks of one stage: the links' mean grows in each; the paper's have at most six in a stage."""
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(64, 3, padding="same", name="stem")(image)
    x = layers.MaxPooling2D(3, 1, padding="same")(layers.BatchNormalization()(x))
    for index in range(30):
        y = layers.Conv2D(16, 1, name=f"reduce{index}")(x)
        y = layers.Conv2D(64, 1, name=f"expand{index}")(layers.BatchNormalization()(y))
        x = layers.Add()([layers.BatchNormalization()(y), x])
    model = keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))
    made = binarize(model)
    normalized = [layer.name for layer in made.layers if layer.name.endswith("_input_bn")]
    assert normalized
    probe = keras.Model(made.input, made.layers[-3].output)
    plain = binarize(model, centre=False)
    grown = keras.Model(plain.input, plain.layers[-3].output)
    x = images(4, 16, 16, 3)
    assert np.abs(probe(x, training=True)).max() < np.abs(grown(x, training=True)).max() / 4


def test_a_shared_convolution_stays_one_layer():
    shared = layers.Conv2D(32, 3, padding="same", name="shared")
    norm = layers.BatchNormalization(name="norm")
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(32, 3, padding="same", name="stem")(image)
    y = layers.ReLU()(norm(shared(layers.ReLU()(norm(shared(x))))))
    model = keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(y)))
    made = binarize(model)
    assert len(made.get_layer("shared_conv").inbound_nodes) == 2
    assert len(made.get_layer("shared_link").inbound_nodes) == 2
    (planned,) = [layer for layer in binarize(model, plan=True).layers if layer.name == "shared"]
    assert planned.why == "called 2 times"
    assert planned.macs == 2 * 16 * 16 * 9 * 32 * 32


def test_image_sizes_may_be_unknown():
    model = network(layers.Conv2D(64, 3, strides=2, padding="same", name="middle"), size=None)
    made = binarize(model)
    assert made(images(1, 20, 24, 3)).shape == (1, 4)
    plan = binarize(model, plan=True)
    assert plan.macs is plan.binary_macs is None
    assert "become binary" in str(plan)


def test_the_plan_counts():
    plan = binarize(network(layers.Conv2D(64, 3, padding="same", name="middle")), plan=True)
    stem, middle, classes = plan.layers
    assert (stem.macs, middle.macs, classes.macs) == (16 * 16 * 9 * 3 * 32, 16 * 16 * 9 * 32 * 64, 64 * 4)
    assert (middle.float_bytes, middle.bytes) == (4 * 9 * 32 * 64, 9 * 32 * 64 / 8)
    assert plan.binary_macs == middle.macs
    assert plan.to_dict()["layers"][1]["role"] == "wider"
    assert "1 of 3 layers become binary" in str(plan)
    assert "LCE runs 1 of them on bits" in str(plan)


def test_small_images_are_noted():
    plan = binarize(network(layers.MaxPooling2D(8), layers.Conv2D(32, 3, padding="same", name="m")), plan=True)
    assert "LCE's fast kernels fail on images of 2x2" in plan.layers[1].why


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_binarized_network_is_saved_and_loaded(tmp_path, suffix):
    made = binarize(network(layers.MaxPooling2D(), layers.Conv2D(32, (1, 3), name="middle"), layers.ReLU()))
    made.save(tmp_path / f"made.{suffix}")
    from larq_el.models.loading import load_model

    loaded = load_model(tmp_path / f"made.{suffix}")
    np.testing.assert_array_equal(loaded(images(2, 16, 16, 3)), made(images(2, 16, 16, 3)))


def test_bad_arguments_are_named():
    model = network(layers.Conv2D(32, 3, name="middle"))
    for arguments, message in (
        ({"method": "elastic"}, "there is no method 'elastic'"),
        ({"depthwise": "bits"}, "depthwise must be 'float' or 'binary', got 'bits'"),
        ({"pad_values": 2}, "pad_values must be 0 or 1, got 2"),
        ({"latent_scale": 0}, "latent_scale must be above 0 and at most 1, where kernels are clipped, got 0"),
        ({"keep": "midle"}, "keep='midle' fits no convolution of 'sequential'; did you mean 'middle'"),
        ({"keep": lambda layer: False}, "keep is true for none of the 2 convolutions"),
        ({"keep": "middle"}, r"no convolution of 'sequential' can become binary \('stem': the first"),
    ):
        with pytest.raises(ValueError, match=message):
            binarize(model, **arguments)


def test_models_that_cannot_be_read_are_refused():
    class Mine(keras.Model):
        def call(self, inputs):
            return inputs

    image = keras.Input((16, 16, 3))
    dense = keras.Model(image, layers.Dense(3)(layers.Flatten()(image)), name="dense")
    with pytest.raises(ValueError, match="is a Mine, a model of one's own code, whose layers cannot be told"):
        binarize(Mine())
    with pytest.raises(ValueError, match="'dense' has no convolution"):
        binarize(dense)
    with pytest.raises(ValueError, match=r"binarize takes a tf.keras.Model, got a builtins.str"):
        binarize("model")
    binary = binarize(network(layers.Conv2D(32, 3, name="middle")))
    with pytest.raises(ValueError, match="has binary layers of Larq's already; give the network in full precision"):
        binarize(binary)


def test_a_model_of_keras_3_is_refused():
    keras3 = pytest.importorskip("keras")
    if keras3.__version__ < "3":
        pytest.skip("Keras 2 is installed under this name")
    model = keras3.Sequential([keras3.Input((16, 16, 3)), keras3.layers.Conv2D(3, 3)])
    with pytest.raises(ValueError, match=r"the model is one of Keras 3 .*TF_USE_LEGACY_KERAS=1"):
        binarize(model)


def test_names_of_units_never_collide():
    made = binarize(
        network(
            layers.Conv2D(32, 3, padding="same", name="b"),
            layers.Conv2D(32, 3, padding="same", name="b_conv"),
            layers.BatchNormalization(name="b_link"),
            layers.LeakyReLU(name="b_bn"),
            layers.Conv2D(32, 1, name="b_conv_conv"),
        )
    )
    assert [layer.name for layer in made.layers if isinstance(layer, ElasticLink)] == [
        "b_2_link",
        "b_conv_2_link",
        "b_conv_link",
    ]


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
def test_all_names_that_units_use_are_known(method):
    image = keras.Input((8, 8, 32))
    for role, unit in method.units.items():
        conv = Conv(32, 3, 1, f"u_{role}", depthwise="depthwise" in role, padding="valid")
        before = {layer.name for layer in keras.Model(image, image).layers}
        output = conv_unit(image, conv, unit, 0.0)
        names = {layer.name for layer in keras.Model(image, output).layers} - before
        known = {f"u_{role}_{suffix}" for suffix in (*suffixes(unit), "image_bn", "second_bn")}
        assert {name for name in names if not name.startswith("tf.")} <= known
