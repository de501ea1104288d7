"""A conversion is proven before it is believed: what LCE converts without a word and computes otherwise is refused."""

import pytest

from larq_el._keras import keras, lq, tf
from larq_el.convert import convert
from larq_el.errors import DifferenceError

BINARY = {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip", "use_bias": False}


def _conv_model(quantizer, layer=lq.layers.QuantConv2D, **kwargs):
    image = keras.Input((8, 8, 32))
    x = keras.layers.Conv2D(32, 3, padding="same", name="stem")(image)
    options = {**BINARY, **kwargs}
    x = layer(32, 3, padding="same", input_quantizer=quantizer, name="suspect", **options)(x)
    x = keras.layers.BatchNormalization()(x)
    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(x), name="net")


def _dense_model(quantizer):
    image = keras.Input((32,))
    x = keras.layers.Dense(64)(image)
    return keras.Model(image, lq.layers.QuantDense(8, input_quantizer=quantizer, name="suspect", **BINARY)(x))


def _depthwise_model(quantizer):
    image = keras.Input((8, 8, 32))
    x = keras.layers.Conv2D(32, 1)(image)
    options = {"depthwise_quantizer": "ste_sign", "depthwise_constraint": "weight_clip", "use_bias": False}
    x = lq.layers.QuantDepthwiseConv2D(3, padding="same", input_quantizer=quantizer, name="suspect", **options)(x)
    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))


@pytest.mark.parametrize(
    "model",
    [
        lambda: _conv_model("ste_tern"),
        lambda: _conv_model(lq.quantizers.SteTern(threshold_value=0.5)),
        lambda: _conv_model("ste_tern", kernel_quantizer=None, kernel_constraint=None),
        lambda: _conv_model("ste_tern", lq.layers.QuantConv2DTranspose),
        lambda: _dense_model("ste_tern"),
        lambda: _depthwise_model(lq.quantizers.SteTern(0.5)),
    ],
    ids=["conv", "threshold", "float kernel", "transposed", "dense", "depthwise"],
)
def test_ternary_activations_are_refused_by_the_layers_name(model):
    keras.utils.set_random_seed(0)
    with pytest.raises(DifferenceError, match=r"compute what layer 'suspect' .*sign\(sign\(x\) \+ c\) for a sign"):
        convert(model())


def test_a_chain_of_bits_is_compared_too():
    """Between two binary convolutions without a link there is no real tensor in the flatbuffer."""
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 32))
    x = lq.layers.QuantConv2D(64, 3, padding="same", input_quantizer="ste_sign", pad_values=1, name="one", **BINARY)(
        image
    )
    x = keras.layers.BatchNormalization()(x)
    x = lq.layers.QuantConv2D(64, 3, padding="same", input_quantizer="ste_tern", pad_values=1, name="two", **BINARY)(x)
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(keras.layers.BatchNormalization()(x)))
    with pytest.raises(DifferenceError, match="layer 'two'"):
        convert(model)
    assert convert(_like(model, "ste_tern", "ste_sign")).report.proof.unproven == ()


def _like(model, old, new):
    config = model.get_config()
    for layer in config["layers"]:
        if layer["config"].get("input_quantizer") is not None and layer["config"]["name"] == "two":
            layer["config"]["input_quantizer"] = new
    return keras.Model.from_config(config)


def test_without_a_proof_the_report_says_so():
    keras.utils.set_random_seed(0)
    assert convert(_conv_model("ste_tern"), proof=False).report.proof is None
    proof = convert(_conv_model("ste_sign")).report.proof
    assert proof.samples == 1
    assert set(proof.runtimes) >= {"Larq Compute Engine (indirect kernel)", "Larq Compute Engine", "larq_el.runtime"}
    assert (proof.random, proof.unproven, proof.refused) == ((), (), {})
    assert proof.compared >= 3


def test_a_float_network_is_proven_in_the_stock_runtime():
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.Dense(3)(keras.layers.Flatten()(keras.layers.Conv2D(4, 3)(image))))
    assert "LiteRT" in convert(model).report.proof.runtimes


@pytest.mark.parametrize("float_ops", ["float16", "int8"])
def test_a_quantized_rest_is_proven_within_a_bound(float_ops):
    keras.utils.set_random_seed(0)
    proof = convert(_conv_model("ste_sign"), float_ops=float_ops).report.proof
    assert "larq_el.runtime" in proof.runtimes
    assert proof.compared >= 3


def _one_scale(layer, shape, **kwargs):
    image = keras.Input(shape)
    x = layer(32, 3, kernel_quantizer="ste_sign", kernel_constraint="weight_clip", name="one_scale", **kwargs)(image)
    return keras.Model(image, keras.layers.Dense(5)(keras.layers.Flatten()(x)))


@pytest.mark.parametrize(
    "model",
    [
        lambda: _one_scale(lq.layers.QuantConv2D, (8, 8, 32)),
        lambda: _one_scale(lq.layers.QuantConv1D, (16, 32)),
        lambda: _one_scale(lq.layers.QuantConv2D, (8, 8, 32), use_bias=False),
    ],
    ids=["2d", "1d", "no bias"],
)
def test_an_int8_convolution_of_one_scale_is_computed_by_lce_as_by_others(model):
    """LCE 0.16's int8 convolution gives its bias alone where all channels share one scale."""
    keras.utils.set_random_seed(0)
    model = model()
    proof = convert(model, float_ops="int8").report.proof
    assert any("Larq" in runtime for runtime in proof.runtimes)


def test_random_layers_are_named_and_the_rest_is_proven():
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 32))
    x = keras.layers.Conv2D(32, 3, padding="same")(image)
    x = keras.layers.Dropout(0.5, name="always")(x, training=True)
    for name in ("one", "two"):
        x = lq.layers.QuantConv2D(32, 1, input_quantizer="ste_sign", name=name, **BINARY)(x)
        x = keras.layers.BatchNormalization()(x)
    good = keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))
    proof = convert(good).report.proof
    assert proof.random == ("always",)
    with pytest.raises(DifferenceError, match="layer 'two'"):
        convert(_like(good, "ste_sign", "ste_tern"))


@pytest.mark.parametrize("where", ["first", "last", "both"])
def test_a_random_layer_may_stand_anywhere(where):
    keras.utils.set_random_seed(0)
    image = x = keras.Input((8, 8, 32))
    if where != "last":
        x = keras.layers.GaussianNoise(1.0, name="noise")(x, training=True)
    x = lq.layers.QuantConv2D(32, 1, input_quantizer="ste_sign", name="conv", **BINARY)(x)
    if where != "first":
        x = keras.layers.Dropout(0.5, name="dropped")(x, training=True)
    model = keras.Model(image, x)
    proof = convert(model).report.proof
    assert proof.random == {"first": ("noise",), "last": ("dropped",), "both": ("noise", "dropped")}[where]
    assert proof.unproven == ()


class Block(keras.layers.Layer):
    """Signs that no layer shows."""

    def __init__(self, ternary, **kwargs):
        super().__init__(**kwargs)
        quantizer = "ste_tern" if ternary else "ste_sign"
        self.conv = lq.layers.QuantConv2D(32, 1, input_quantizer=quantizer, name="inner", **BINARY)

    def call(self, x):
        return 0.5 * self.conv(tf.nn.relu6(x) - 3.0)


@pytest.mark.parametrize("ternary", [False, True])
def test_layers_inside_layers_are_seen(ternary):
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 32))
    x = Block(ternary, name="block")(3.0 * image)
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))
    if not ternary:
        assert convert(model).report.proof.unproven == ()
        return
    with pytest.raises(DifferenceError, match="layer 'inner'|layer 'block'"):
        convert(model)
