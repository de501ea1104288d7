"""Packed weights: equal outputs from a file of bits. That nothing else is loaded stands in `test_weights`."""

import json

import numpy as np
import pytest

from larq_el import zoo
from larq_el._keras import keras, lq, tf
from larq_el.errors import UserError
from larq_el.zoo.weights import packed
from larq_el.zoo.weights.packed import load_packed, save_weights

SMALL = {"input_shape": (40, 40, 3), "width": 0.25, "classes": 10, "classifier_activation": None}
METHODS = {  # the number of binary kernels
    "el_resnet26": 24,
    "s_resnet26": 24,
    "xnor_resnet18": 16,
    "bi_real_resnet18": 16,
    "real_to_bin_resnet18": 16,
    "xnor_plus_plus_resnet18": 16,
    "el_mobilenet": 22,
    "bi_real_mobilenet": 22,
    "reactnet_a": 26,
    "resnet18": 0,
}


def randomised(model):
    """The model, with normal weights and positive variances: zeros and ones would hide mistakes."""
    random = np.random.default_rng(0)
    for variable in model.weights:
        value = random.normal(scale=0.3, size=variable.shape)
        variable.assign(np.abs(value) + 0.5 if "variance" in variable.name else value)
    return model


def outputs(model, size=40, channels=3):
    images = np.random.default_rng(1).normal(scale=60, size=(2, size, size, channels)).astype(np.float32)
    return model(images, training=False).numpy()


def conv(quantizer="ste_sign", filters=5, name="conv", **arguments):
    constraint = {"kernel_constraint": "weight_clip"}
    return lq.layers.QuantConv2D(filters, 3, kernel_quantizer=quantizer, name=name, **constraint, **arguments)


def network(*layers, channels=3, name="net"):
    return keras.Sequential([keras.Input((8, 8, channels)), *layers], name=name)


@pytest.fixture
def saved(tmp_path):
    """A file of a small network."""
    path = tmp_path / "x.npz"
    save_weights(randomised(network(conv("magnitude_aware_sign"), keras.layers.Flatten(), keras.layers.Dense(2))), path)
    return path


@pytest.fixture
def model():
    """The network of `saved`, with other weights."""
    return network(conv("magnitude_aware_sign"), keras.layers.Flatten(), keras.layers.Dense(2, name="dense"))


@pytest.mark.parametrize("name", METHODS)
def test_the_outputs_are_the_same_to_the_bit(tmp_path, name):
    model = randomised(zoo.create_model(name, **SMALL))
    report = save_weights(model, tmp_path / "x.npz")
    assert (report.bit_kernels, report.float_kernels) == (METHODS[name], ())
    other = zoo.create_model(name, **SMALL)
    load_packed(other, tmp_path / "x.npz")
    expected = outputs(model)
    assert np.isfinite(expected).all()
    assert len(np.unique(expected)) == expected.size
    np.testing.assert_array_equal(outputs(other), expected)


@pytest.mark.slow
def test_the_full_size_is_a_third_of_its_float_weights(tmp_path):
    model = randomised(zoo.create_model("el_resnet26", classifier_activation=None))
    report = save_weights(model, tmp_path / "x.npz")
    assert report.size == (tmp_path / "x.npz").stat().st_size < 21e6
    assert 4 * model.count_params() > 64e6
    other = zoo.create_model("el_resnet26", classifier_activation=None)
    load_packed(other, tmp_path / "x.npz")
    np.testing.assert_array_equal(outputs(other, 224), outputs(model, 224))


def test_a_kernel_is_stored_as_a_bit_for_each_weight(saved):
    with np.load(saved, allow_pickle=False) as file:
        assert json.loads(file["header"].tobytes()) == {"format": "larq_el weights", "version": 1, "model": "net"}
        shapes = {name: (file[name].shape, str(file[name].dtype)) for name in file if name.startswith("conv/")}
    assert shapes == {
        "conv/kernel.bits": ((17,), "uint8"),  # 3 * 3 * 3 * 5 = 135 bits
        "conv/kernel.scale": ((5,), "float32"),
        "conv/bias": ((5,), "float32"),
    }


def test_the_sign_of_zero_is_plus_as_in_larq(tmp_path):
    model = network(conv(filters=1, use_bias=False), channels=1)
    kernel = np.array([0.0, -0.0, 1e-30, -1e-30, 1, -1, 0, 0, -0.0], np.float32)
    model.set_weights([kernel.reshape(3, 3, 1, 1)])
    save_weights(model, tmp_path / "x.npz")
    expected = outputs(model, 8, 1)
    load_packed(model, tmp_path / "x.npz")
    assert model.get_weights()[0].ravel().tolist() == [1, 1, 1, -1, 1, -1, 1, 1, 1]
    np.testing.assert_array_equal(outputs(model, 8, 1), expected)


@pytest.mark.parametrize("count", [1, 3, 7, 27, 64, 147, 1152, 4608])
@pytest.mark.parametrize("spread", [1e-6, 0.3, 1e3])
def test_the_mean_of_the_magnitudes_is_the_scale_in_any_order(count, spread):
    random = np.random.default_rng(count)
    kernel = random.normal(scale=spread, size=(count, 64)).astype(np.float32)
    scale = tf.reduce_mean(tf.abs(kernel), axis=0).numpy()
    magnitudes = packed._magnitudes(scale, count)
    assert magnitudes.min() > 0
    assert magnitudes.dtype == np.float32
    for _ in range(3):
        random.shuffle(magnitudes)
        np.testing.assert_array_equal(tf.reduce_mean(magnitudes, axis=0), scale)
        one_by_one = np.add.accumulate(magnitudes, axis=0, dtype=np.float32)[-1]
        np.testing.assert_array_equal(one_by_one / np.float32(count), scale)


def test_a_channel_of_zeros_keeps_its_scale_of_zero(tmp_path):
    model = randomised(network(conv("magnitude_aware_sign")))
    kernel, bias = model.get_weights()
    kernel[..., 2] = 0
    model.set_weights([kernel, bias])
    assert save_weights(model, tmp_path / "x.npz").float_kernels == ()
    expected = outputs(model, 8)
    load_packed(model, tmp_path / "x.npz")
    np.testing.assert_array_equal(outputs(model, 8), expected)


@lq.utils.register_keras_custom_object
class RowsSign(lq.quantizers.SteSign):
    """Scaled in each row and not in each channel."""

    def call(self, inputs):
        return super().call(inputs) * tf.reduce_mean(tf.abs(inputs), axis=(1, 2, 3), keepdims=True)


@pytest.mark.parametrize(
    ("quantizer", "as_bits"),
    [("swish_sign", 1), ("approx_sign", 1), ("ste_heaviside", 1), (RowsSign(), 0), ("ste_tern", None)],
)
def test_what_bits_cannot_tell_stays_float(tmp_path, quantizer, as_bits):
    model = randomised(network(conv(quantizer)))
    report = save_weights(model, tmp_path / "x.npz")
    # a ternary kernel is none of the binary ones, which the report counts
    assert (report.bit_kernels, len(report.float_kernels)) == (
        (as_bits, 1 - as_bits) if as_bits is not None else (0, 0)
    )
    other = network(conv(quantizer))
    load_packed(other, tmp_path / "x.npz")
    np.testing.assert_array_equal(outputs(other, 8), outputs(model, 8))


def test_infinite_and_missing_numbers_are_kept(tmp_path):
    model = randomised(network(conv("magnitude_aware_sign")))
    kernel, bias = model.get_weights()
    kernel[0, 0, 0, :3] = np.nan, np.inf, 3e38
    model.set_weights([kernel, bias])
    save_weights(model, tmp_path / "x.npz")
    other = network(conv("magnitude_aware_sign"))
    expected = outputs(model, 8)
    load_packed(other, tmp_path / "x.npz")
    np.testing.assert_array_equal(outputs(other, 8), expected)


@pytest.mark.parametrize("kind", [lq.layers.QuantDepthwiseConv2D, lq.layers.QuantSeparableConv2D, lq.layers.QuantDense])
@pytest.mark.parametrize("quantizer", ["ste_sign", "magnitude_aware_sign"])
def test_other_layers_with_binary_kernels(tmp_path, kind, quantizer):
    def build():
        if kind is lq.layers.QuantDense:
            return network(
                keras.layers.Flatten(), kind(7, kernel_quantizer=quantizer, kernel_constraint="weight_clip", name="q")
            )
        names = ["depthwise"] if kind is lq.layers.QuantDepthwiseConv2D else ["depthwise", "pointwise"]
        quantizers = {f"{name}_quantizer": quantizer for name in names}
        quantizers |= {f"{name}_constraint": "weight_clip" for name in names}
        return network(kind(*([3] if len(names) == 1 else [7, 3]), depth_multiplier=2, name="q", **quantizers))

    model, other = randomised(build()), build()
    report = save_weights(model, tmp_path / "x.npz")
    assert report.bit_kernels == (2 if kind is lq.layers.QuantSeparableConv2D else 1)
    load_packed(other, tmp_path / "x.npz")
    np.testing.assert_array_equal(outputs(other, 8), outputs(model, 8))


class Mine(keras.Model):
    """A subclassed model with a weight of its own, in no layer."""

    def __init__(self):
        super().__init__(name="mine")
        self.inner = conv()
        self.offset = self.add_weight(name="offset", shape=(5,))

    def call(self, inputs):
        return self.inner(inputs) + self.offset


def test_models_inside_models_keep_their_equal_layer_names_apart(tmp_path):
    def build():
        inner = [
            network(conv(filters=4, padding="same"), channels=channels, name=f"inner{channels}") for channels in (3, 4)
        ]
        return network(*inner, conv(filters=4))

    model, other = randomised(build()), build()
    save_weights(model, tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz") as file:
        kernels = {name for name in file if name.endswith("bits")}
    assert kernels == {"inner3/conv/kernel.bits", "inner4/conv/kernel.bits", "conv/kernel.bits"}
    load_packed(other, tmp_path / "x.npz")
    np.testing.assert_array_equal(outputs(other, 8), outputs(model, 8))


def test_a_layer_made_of_others_has_several_kernels(tmp_path):
    def build():
        both = keras.layers.Bidirectional(keras.layers.LSTM(2), name="both")
        return network(keras.layers.Reshape((8, 24)), both)

    model, other = randomised(build()), build()
    save_weights(model, tmp_path / "x.npz")
    load_packed(other, tmp_path / "x.npz")
    np.testing.assert_array_equal(outputs(other, 8), outputs(model, 8))


def test_a_subclassed_models_own_weight_is_kept(tmp_path):
    model, other = Mine(), Mine()
    for each in (model, other):
        outputs(each, 8)
    save_weights(randomised(model), tmp_path / "x.npz")
    load_packed(other, tmp_path / "x.npz")
    np.testing.assert_array_equal(outputs(other, 8), outputs(model, 8))


def test_a_layer_used_twice_is_stored_once(tmp_path):
    layer = conv(filters=3, padding="same")
    image = keras.Input((8, 8, 3))
    inner = keras.Model(image, layer(image), name="inner")
    model = randomised(keras.Model(image, inner(layer(image))))
    assert save_weights(model, tmp_path / "x.npz").bit_kernels == 1
    expected = outputs(model, 8)
    load_packed(model, tmp_path / "x.npz")
    np.testing.assert_array_equal(outputs(model, 8), expected)


def test_mixed_precision_computes_the_same(tmp_path):
    keras.mixed_precision.set_global_policy("mixed_float16")
    model, other = (network(conv(filters=4, name="a"), conv("magnitude_aware_sign", name="b")) for _ in "ab")
    randomised(model)
    # in float16 this is zero, whose sign is plus
    kernel = model.layers[0].kernel.numpy()
    kernel[0] = -1e-12
    model.layers[0].kernel.assign(kernel)
    save_weights(model, tmp_path / "x.npz")
    load_packed(other, tmp_path / "x.npz")
    np.testing.assert_array_equal(outputs(other, 8), outputs(model, 8))


def test_numbers_other_than_float32_are_kept(tmp_path):
    def build():
        counter = keras.layers.Normalization(name="normalization")
        half = keras.layers.Dense(2, dtype="bfloat16", name="half")
        return network(counter, keras.layers.Dense(2, dtype="float64", name="double"), half)

    model, other = randomised(build()), build()
    save_weights(model, tmp_path / "x.npz")
    load_packed(other, tmp_path / "x.npz")
    for value, expected in zip(other.get_weights(), model.get_weights(), strict=True):
        assert value.dtype == expected.dtype
        np.testing.assert_array_equal(value, expected)


def test_latent_weights_are_kept_on_demand(tmp_path):
    model = randomised(network(conv("magnitude_aware_sign")))
    report = save_weights(model, tmp_path / "x.npz", keep_latent=True)
    assert (report.bit_kernels, report.float_kernels) == (0, ("conv/kernel",))
    other = network(conv("magnitude_aware_sign"))
    load_packed(other, tmp_path / "x.npz")
    for value, expected in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, expected)


def test_equal_weights_give_equal_files(tmp_path):
    model = randomised(network(conv()))
    for name in "ab":
        save_weights(model, tmp_path / f"{name}.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_saving_leaves_the_model_as_it_is(tmp_path):
    model = randomised(network(conv("magnitude_aware_sign")))
    before = model.get_weights()
    save_weights(model, tmp_path / "x.npz")
    for value, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, old)


def test_the_name_of_a_model_does_not_matter(saved):
    load_packed(
        network(conv("magnitude_aware_sign"), keras.layers.Flatten(), keras.layers.Dense(2, name="dense"), name="mine"),
        saved,
    )


def test_a_model_without_its_top_takes_the_features(tmp_path):
    model = randomised(zoo.create_model("el_resnet18", **SMALL))
    save_weights(model, tmp_path / "x.npz")
    features = zoo.create_model(
        "el_resnet18", **SMALL, include_top=False, pooling="avg", weights=str(tmp_path / "x.npz")
    )
    expected = keras.Model(model.input, model.get_layer("pool").output)
    np.testing.assert_array_equal(outputs(features), outputs(expected))


def test_an_existing_file_is_replaced_on_demand_alone(saved, model):
    with pytest.raises(UserError, match="'.*x.npz' exists"):
        save_weights(model, saved)
    save_weights(model, saved, overwrite=True)
    load_packed(model, saved)


def test_another_ending_is_refused(tmp_path, model):
    with pytest.raises(UserError, match="packed weights must end in '.npz', got '.*x.h5'; give another name"):
        save_weights(model, tmp_path / "x.h5")


def test_a_folder_that_is_not_there_is_refused(tmp_path, model):
    with pytest.raises(UserError, match="cannot write '.*x.npz': there is no folder '.*gone'"):
        save_weights(model, tmp_path / "gone" / "x.npz")


def test_a_full_disk_is_told_in_a_sentence(tmp_path, model, monkeypatch):
    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packed, "write_atomically", full)
    with pytest.raises(UserError, match=r"cannot write '.*y.npz' \(.*No space left on device\); give another folder."):
        save_weights(model, tmp_path / "y.npz")


@pytest.mark.parametrize("thing", [None, "model.h5", keras.Sequential([keras.layers.Dense(2)])])
def test_what_is_no_built_model_is_refused(tmp_path, saved, thing):
    with pytest.raises(UserError, match="model must be a Keras model that has been built, got .*; call it on an image"):
        save_weights(thing, tmp_path / "y.npz")
    with pytest.raises(UserError, match="model must be a Keras model that has been built, got"):
        load_packed(thing, saved)
