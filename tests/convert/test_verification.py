from dataclasses import replace

import numpy as np
import pytest

from larq_el._keras import keras, lq, tf
from larq_el.convert import convert, inspect, verify
from larq_el.errors import UserError
from larq_el.tflite.lce import lce


@pytest.fixture(scope="module")
def samples():
    return np.random.default_rng(0).normal(0, 1, (40, 8, 8, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def flatbuffer(linked_model):
    return convert(linked_model).flatbuffer


def test_a_conversion_agrees_in_every_layer(linked_model, flatbuffer, samples):
    result = verify(linked_model, flatbuffer, samples)
    assert result.passed
    assert result.samples == 40
    assert result.top1_agreement == 1.0
    assert result.parted_at is None
    assert result.max_abs_diff < 1e-4
    assert result.logits_max_abs_diff < 1e-3
    assert [layer.layer for layer in result.layers] == ["stem", "first", "second", "classifier"]


def test_the_layer_where_they_part_is_named(linked_model, flatbuffer, samples):
    changed = keras.models.clone_model(linked_model)
    changed.set_weights(linked_model.get_weights())
    kernel = changed.get_layer("second").kernel
    kernel.assign(-1.0 * kernel)
    result = verify(changed, flatbuffer, samples)
    assert result.parted_at == "second"
    assert result.top1_agreement < 0.9
    assert not result.passed
    assert result.to_dict()["parted_at"] == "second"


def test_the_share_that_passes_is_the_users(linked_model, flatbuffer, samples):
    result = replace(verify(linked_model, flatbuffer, samples), top1_agreement=0.5)
    assert not result.passed
    assert replace(result, min_agreement=0.5).passed


def test_a_wrong_layer_fails_whatever_the_samples_agree_on(linked_model, flatbuffer, samples):
    changed = keras.models.clone_model(linked_model)
    changed.set_weights(linked_model.get_weights())
    changed.get_layer("classifier").bias.assign([100.0] + 9 * [0.0])
    result = verify(changed, flatbuffer, samples, min_agreement=0.0)
    assert [layer.layer for layer in result.layers if layer.wrong] == ["classifier"]
    assert not result.passed


def test_samples_have_to_fit(linked_model, flatbuffer, samples):
    with pytest.raises(UserError, match=r"samples must have shape \(N, 8, 8, 3\), got \(40, 8, 8\)"):
        verify(linked_model, flatbuffer, samples[..., 0])
    with pytest.raises(UserError, match="'linked' computes 1 samples at a time, got 0"):
        verify(linked_model, flatbuffer, samples[:0])


def test_the_flatbuffer_has_to_be_of_the_model(linked_model, flatbuffer):
    image = keras.Input((4, 4, 3))
    other = keras.Model(image, keras.layers.Dense(10)(keras.layers.Flatten()(image)), name="other")
    with pytest.raises(UserError, match="is not a conversion of 'other': it maps"):
        verify(other, flatbuffer, np.zeros((1, 4, 4, 3), np.float32))


def test_a_layer_that_lce_computes_wrongly_is_found_on_equal_inputs():
    from larq_el._keras import lq

    image = keras.Input((2, 2, 32))
    conv = lq.layers.QuantConv2D(
        32,
        3,
        padding="same",
        use_bias=False,
        input_quantizer="ste_sign",
        kernel_quantizer="ste_sign",
        kernel_constraint="weight_clip",
        name="smaller_than_its_kernel",
    )
    x = keras.layers.BatchNormalization()(conv(image))
    model = keras.Model(image, keras.layers.Dense(10)(keras.layers.Flatten()(x)))
    samples = np.random.default_rng(0).normal(size=(8, 2, 2, 32)).astype(np.float32)
    result = verify(model, convert(model).flatbuffer, samples)
    assert result.parted_at == "smaller_than_its_kernel"
    assert result.layers[0].differing_alone > 0.5


def test_a_factor_that_is_folded_into_the_next_kernel_is_no_fault():
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(8, 3, name="behind_it")(keras.layers.Rescaling(1 / 127.5)(image))
    model = keras.Model(image, keras.layers.Dense(10)(keras.layers.Flatten()(x)))
    result = verify(model, convert(model).flatbuffer, np.random.default_rng(0).normal(size=(4, 8, 8, 3)))
    assert result.layers[0].layer == "behind_it"
    assert result.layers[0].differing == 0.0
    assert result.layers[0].differing_alone > 0.5  # the flatbuffer has no tensor behind the factor
    assert result.parted_at is None


@pytest.mark.parametrize(
    "constant",
    [lambda x: x * 0.5, lambda x: x + 3.0, keras.layers.Rescaling(2.0, 1.0), lambda x: 2.0 - x],
    ids=["factor", "sum", "rescaling", "difference"],
)
def test_a_constant_that_is_fused_into_the_layer_before_it_is_no_fault(constant):
    image = keras.Input((4, 4, 32))
    binary = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
    x = constant(lq.layers.QuantConv2D(8, 1, name="before_it", **binary)(image))
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))
    images = np.random.default_rng(0).normal(size=(8, 4, 4, 32)).astype(np.float32)
    result = verify(model, convert(model).flatbuffer, images)
    assert [(layer.layer, layer.differing_alone) for layer in result.layers] == [("before_it", 0.0)]


def test_verifying_twice_gives_the_same(linked_model, flatbuffer, samples):
    assert verify(linked_model, flatbuffer, samples) == verify(linked_model, flatbuffer, samples)


def test_groups_are_computed_by_the_kernel_that_has_them():
    image = keras.Input((4, 4, 64))
    binary = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "padding": "same", "pad_values": 1}
    x = lq.layers.QuantConv2D(64, 3, groups=2, name="grouped", **binary)(image)
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))
    images = np.random.default_rng(0).normal(size=(8, 4, 4, 64)).astype(np.float32)
    result = verify(model, convert(model).flatbuffer, images)
    assert result.passed
    assert [layer.layer for layer in result.layers] == ["grouped"]


@pytest.fixture(scope="module")
def quantized():
    """A model, its file with int8 inputs and outputs, and samples."""
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(32, 3)(image)
    x = lq.layers.QuantConv2D(
        32, 3, input_quantizer="ste_sign", kernel_quantizer="ste_sign", kernel_constraint="weight_clip", use_bias=False
    )(x)
    x = keras.layers.BatchNormalization()(x)
    model = keras.Model(image, keras.layers.Dense(5)(keras.layers.GlobalAveragePooling2D()(x)))
    random = np.random.default_rng(1)
    norm = [random.uniform(0.01, 0.04, 32), np.zeros(32), np.zeros(32), np.ones(32)]
    model.layers[3].set_weights(norm)
    with pytest.warns(UserWarning, match="experimental_default_int8_range"):
        content = lce.convert_keras_model(
            model,
            inference_input_type=tf.int8,
            inference_output_type=tf.int8,
            experimental_default_int8_range=(-3.0, 3.0),
        )
    assert {port.dtype for port in [*inspect(content).inputs, *inspect(content).outputs]} == {"int8"}
    samples = random.normal(size=(64, 8, 8, 3)).clip(-2.9, 2.9).astype(np.float32)
    return model, content, samples


def test_a_file_of_int8_inputs_and_outputs_is_compared_in_reals(quantized):
    model, content, samples = quantized
    verification = verify(model, content, samples, min_agreement=0.7)
    assert verification.passed
    assert verification.parted_at is None
    # 128 steps of the range that the converter was given; raw numbers would be apart by up to 128
    assert verification.max_abs_diff < 10 * 3 / 128
    assert [(layer.layer[:5], layer.differing_alone) for layer in verification.layers] == [("conv2", 0), ("quant", 0)]


@pytest.mark.parametrize("at", [1, 2, 5])
def test_a_wrong_layer_of_an_int8_file_is_found(quantized, at):
    model, content, samples = quantized
    changed = keras.models.clone_model(model)
    changed.set_weights(model.get_weights())
    kernel, *rest = changed.layers[at].get_weights()
    changed.layers[at].set_weights([-kernel, *rest])
    verification = verify(changed, content, samples, min_agreement=0.7)
    assert not verification.passed
    if at < 5:  # the last one is the output
        assert verification.parted_at == changed.layers[at].name
