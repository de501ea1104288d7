"""What can be converted: several inputs and outputs, fixed batches, custom layers, mixed precision, SavedModels."""

import numpy as np
import pytest

from larq_el._keras import keras, lq, tf
from larq_el.convert import convert, load_model, verify
from larq_el.errors import UserError
from larq_el.tflite.lce import lce

BINARY = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}
CUSTOM = """
import larq as lq
import tensorflow as tf


class Halve(tf.keras.layers.Layer):
    def call(self, inputs):
        return inputs / 2


@tf.keras.utils.register_keras_serializable("mine")
class MySign(lq.quantizers.Quantizer):
    precision = 1

    def call(self, inputs):
        @tf.custom_gradient
        def sign(x):
            return tf.where(x >= 0, 1.0, -1.0), lambda dy: dy

        return super().call(sign(inputs))
"""


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.fixture(scope="module")
def branched():
    """Two inputs and three outputs whose names sort otherwise than they stand, two of one shape."""
    keras.utils.set_random_seed(3)
    image, extra = keras.Input((8, 8, 32), name="zeta"), keras.Input((4,), name="alpha")
    x = keras.layers.BatchNormalization()(lq.layers.QuantConv2D(32, 3, name="binary", **BINARY)(image))
    x = keras.layers.GlobalAveragePooling2D()(x)
    both = keras.layers.Concatenate()([x, extra])
    outputs = [
        keras.layers.Dense(5, name="z_class")(both),
        keras.layers.Dense(1, name="value")(x),
        keras.layers.Dense(5, name="a_class")(both),
    ]
    return keras.Model([image, extra], outputs, name="branched")


@pytest.mark.parametrize("converter", [lambda model: convert(model).flatbuffer, lce.convert_keras_model])
@pytest.mark.filterwarnings("ignore:Compiled the loaded model")
def test_every_output_of_several_is_compared(branched, converter):
    result = verify(branched, converter(branched), [noise(20, 8, 8, 32), noise(20, 4)])
    assert [output.output for output in result.outputs] == ["z_class", "value", "a_class"]
    assert [output.agreement for output in result.outputs] == [1.0, 1.0, 1.0]
    assert result.max_abs_diff < 1e-3
    assert result.passed
    assert result.logits_max_abs_diff is None
    assert "binary" in [layer.layer for layer in result.layers]


@pytest.mark.parametrize(("layer", "output"), [("value", 1), ("a_class", 2)])
def test_one_wrong_output_of_several_fails(branched, layer, output):
    content = convert(branched).flatbuffer
    changed = keras.models.clone_model(branched)
    changed.set_weights(branched.get_weights())
    changed.get_layer(layer).bias.assign_add(100.0 * noise(*changed.get_layer(layer).bias.shape))
    result = verify(changed, content, [noise(20, 8, 8, 32), noise(20, 4)])
    assert [at for at, compared in enumerate(result.outputs) if compared.agreement < 0.99] == [output]
    assert not result.passed


def test_samples_of_several_inputs_are_a_list(branched):
    content = convert(branched).flatbuffer
    with pytest.raises(UserError, match="'branched' has 2 inputs and samples are given for 1: .* of zeta, alpha"):
        verify(branched, content, noise(20, 8, 8, 32))
    with pytest.raises(UserError, match="each input must have as many samples, got 20 and 10"):
        verify(branched, content, [noise(20, 8, 8, 32), noise(10, 4)])


def test_a_fixed_batch_is_kept_and_compared_in_whole_batches():
    image = keras.Input((8, 8, 32), batch_size=4)
    model = keras.Model(image, lq.layers.QuantConv2D(32, 3, name="binary", **BINARY)(image), name="by_four")
    content = convert(model).flatbuffer
    assert lce.testing.Interpreter(content).input_shapes == [(4, 8, 8, 32)]
    result = verify(model, content, noise(10, 8, 8, 32))
    assert (result.samples, result.top1_agreement) == (8, 1.0)
    with pytest.raises(UserError, match="'by_four' computes 4 samples at a time, got 3"):
        verify(model, content, noise(3, 8, 8, 32))


def mixed_and_float(policy):
    models = []
    for name in (policy, "float32"):
        keras.backend.clear_session()
        keras.utils.set_random_seed(5)
        keras.mixed_precision.set_global_policy(name)
        image = keras.Input((8, 8, 3), name="image")
        x = keras.layers.Conv2D(32, 3, name="stem")(image)
        inner = keras.Input((6, 6, 32), name="inner")
        y = lq.layers.QuantConv2D(32, 3, padding="same", name="binary", **BINARY)(inner)
        x = keras.Model(inner, keras.layers.BatchNormalization(name="norm")(y), name="block")(x)
        x = keras.layers.Activation("relu", name="relu")(x)
        x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
        models.append(keras.Model(image, keras.layers.Dense(10, name="classes", dtype=name)(x), name="net"))
    keras.mixed_precision.set_global_policy("float32")
    models[1].set_weights(models[0].get_weights())
    return models


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_mixed_precision_model_becomes_the_very_flatbuffer_of_its_float32_twin(policy):
    mixed, full = mixed_and_float(policy)
    assert mixed.layers[1].compute_dtype == policy.removeprefix("mixed_")
    conversion = convert(mixed)
    assert conversion.flatbuffer == convert(full).flatbuffer
    assert [(conv.layer, conv.binary) for conv in conversion.report.convolutions][1] == ("binary", True)
    samples = noise(16, 8, 8, 3)
    assert verify(full, conversion.flatbuffer, samples).passed
    assert verify(mixed, conversion.flatbuffer, samples).passed
    assert mixed.layers[1].compute_dtype == policy.removeprefix("mixed_")


def test_a_mixed_precision_model_that_cannot_be_built_again_is_refused():
    class Own(keras.Model):
        def __init__(self, size):
            image = keras.Input((size, size, 3))
            super().__init__(image, keras.layers.Conv2D(4, 1, dtype="mixed_float16")(image), name="own")

        @classmethod
        def from_config(cls, config, custom_objects=None):
            return cls(config["size"])

    class Broken(Own):
        @classmethod
        def from_config(cls, config, custom_objects=None):
            raise RuntimeError("no way back")

    cannot = "'own' computes in mixed_float16 and cannot be built again in float32"
    with pytest.raises(UserError, match=rf"{cannot} \(its layers choose their own types\); build it under"):
        convert(Own(4))
    with pytest.raises(UserError, match=rf"{cannot} \(no way back\); build it under"):
        convert(Broken(4))


def test_a_subclassed_model_is_refused():
    class Own(keras.Model):
        def call(self, inputs):
            return inputs * 2

    with pytest.raises(UserError, match="'own' is a subclassed model without fixed inputs: build it with keras.Input"):
        convert(Own(name="own"))


def custom_model(module):
    image = keras.Input((8, 8, 32))
    x = module.Halve()(image)
    x = lq.layers.QuantConv2D(
        32, 3, input_quantizer=module.MySign(), kernel_quantizer=module.MySign(), use_bias=False, name="binary"
    )(x)
    return keras.Model(image, x, name="custom")


@pytest.fixture
def custom_file(tmp_path, monkeypatch):
    """A user's file of custom objects, and a model of them, saved; Keras has forgotten them since."""
    import importlib

    (tmp_path / "own_objects.py").write_text(CUSTOM)
    monkeypatch.syspath_prepend(str(tmp_path))
    custom_model(importlib.import_module("own_objects")).save(tmp_path / "custom.keras")
    forget()
    yield tmp_path
    forget()


def forget():
    import sys

    from tf_keras.src.saving import object_registration

    sys.modules.pop("own_objects", None)
    for name in ("Halve", "MySign", "mine>MySign"):
        keras.utils.get_custom_objects().pop(name, None)
    names = object_registration._GLOBAL_CUSTOM_NAMES
    for thing in [thing for thing in names if thing.__module__ == "own_objects"]:
        del names[thing]


@pytest.mark.parametrize("by_name", [False, True])
def test_custom_layers_and_quantizers_are_imported(custom_file, by_name):
    path = custom_file / "custom.keras"
    with pytest.raises(UserError, match="needs '.*' of module 'own_objects', which is neither of Keras nor of Larq"):
        load_model(path)
    model = load_model(path, imports=["own_objects" if by_name else str(custom_file / "own_objects.py")])
    conversion = convert(model)
    (conv,) = conversion.report.convolutions
    assert (conv.layer, conv.binary, conv.binary_in_keras) == ("binary", True, True)
    assert verify(model, conversion.flatbuffer, noise(4, 8, 8, 32)).passed


def test_what_cannot_be_imported_is_said(tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0")
    with pytest.raises(UserError, match="broken.py' cannot be imported: ZeroDivisionError: division by zero"):
        load_model("el_resnet26", imports=[str(broken)])
    with pytest.raises(UserError, match="there is no file '.*none.py' to import"):
        load_model("el_resnet26", imports=[str(tmp_path / "none.py")])
    with pytest.raises(UserError, match="'no_such_module' cannot be imported: ModuleNotFoundError"):
        load_model("el_resnet26", imports=["no_such_module"])


def test_a_saved_model_without_keras_converts_by_its_signature(branched, tmp_path, capfd):
    branched.export(tmp_path / "exported")
    with_signature = tf.saved_model.load(str(tmp_path / "exported"))
    tf.saved_model.save(with_signature, str(tmp_path / "plain"), signatures=with_signature.serve)
    capfd.readouterr()
    model = load_model(tmp_path / "plain")
    conversion = convert(model)
    assert [conv.binary for conv in conversion.report.convolutions].count(True) == 1
    samples = dict(zip(branched.input_names, [noise(8, 8, 8, 32), noise(8, 4)], strict=True))
    result = verify(model, conversion.flatbuffer, [samples[name] for name in model.input_names])
    assert result.passed
    assert len(result.outputs) == 3


def test_a_saved_model_without_a_signature_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path / "empty"))
    with pytest.raises(UserError, match="without a signature 'serving_default', it has none"):
        load_model(tmp_path / "empty")


def test_the_layer_whose_code_fails_is_named_with_its_reason():
    class Failing(keras.layers.Layer):
        ready = True

        def call(self, inputs):
            if not self.ready:
                raise RuntimeError("the scale is missing\nand more")
            return inputs * 2

    image, layer = keras.Input((4, 4, 3)), Failing(name="mine")
    model = keras.Model(image, layer(image), name="failing")
    layer.ready = False
    with pytest.raises(UserError, match=r"cannot convert 'failing': .*layer 'mine' \(Failing\).*the scale is missing"):
        convert(model)


def test_what_the_converter_prints_and_does_not_raise_is_said():
    class Gathering(keras.layers.Layer):
        """A list whose elements may have any shape."""

        def call(self, inputs):
            array = tf.TensorArray(tf.float32, size=2, infer_shape=False)
            array = tf.while_loop(
                lambda at, _: at < 2, lambda at, filled: (at + 1, filled.write(at, inputs[:, at:])), (0, array)
            )[1]
            return array.read(0)

    series = keras.Input((4, 8))
    model = keras.Model(series, Gathering()(series), name="gathering")
    with pytest.raises(UserError, match="cannot convert 'gathering': 'tf.TensorListReserve' op requires element_shape"):
        convert(model)


def test_weights_that_are_no_numbers_are_refused_by_their_layer(branched):
    model = keras.models.clone_model(branched)
    model.get_layer("value").bias.assign([np.nan])
    with pytest.raises(UserError, match="weight 'bias' of layer 'value' holds NaN"):
        convert(model)


def test_a_layer_of_size_zero_is_refused_by_its_name():
    image = keras.Input((4, 4, 3))
    model = keras.Model(image, keras.layers.Lambda(lambda x: x[:, :0], name="crop")(image))
    with pytest.raises(UserError, match=r"layer 'crop' has a size of 0, its shape is \(None, 0, 4, 3\)"):
        convert(model)
