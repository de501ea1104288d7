"""What the report advises, and where it is silent."""

import pytest

from larq_el._keras import keras, lq
from larq_el.convert import convert, inspect
from larq_el.convert.report.page import page

BINARY = {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip", "input_quantizer": "ste_sign"}


def _report(*layers, channels=64):
    """Of a chain of layers behind an image."""
    image = x = keras.Input((6, 6, channels))
    for layer in layers:
        x = layer(x)
    return convert(keras.Model(image, x)).report


def _conv(size=3, filters=64, name="conv", **kwargs):
    return lq.layers.QuantConv2D(filters, size, use_bias=False, name=name, **{"padding": "same", **BINARY, **kwargs})


def _changes(report):
    return {advice.change.split(" (")[0].split(",")[0]: advice.layers for advice in report.advice}


@pytest.mark.parametrize(
    ("conv", "advised"),
    [
        (_conv(), True),
        (_conv(pad_values=1.0), False),
        (_conv(padding="valid"), False),
        (_conv(1), False),
    ],
    ids=["zeros", "ones", "none", "1x1"],
)
def test_padding_with_ones(conv, advised):
    assert _changes(_report(conv)) == ({"pad with ones": ("conv",)} if advised else {})


def test_relu_belongs_between_convolution_and_batchnorm():
    def norm():
        return keras.layers.BatchNormalization(beta_initializer="ones")

    behind = _report(_conv(pad_values=1.0), norm(), keras.layers.ReLU())
    assert [layers for change, layers in _changes(behind).items() if "ReLU" in change] == [("conv",)]
    assert _report(_conv(pad_values=1.0), keras.layers.ReLU(), norm()).advice == ()


@pytest.mark.parametrize(("channels", "advised"), [(64, False), (96, True), (40, True)])
def test_channels_are_multiples_of_words(channels, advised):
    advised = {"give binary convolutions a multiple of 64 input channels": ("conv",)} if advised else {}
    assert _changes(_report(_conv(1), channels=channels)) == advised


def test_large_float_layers_can_be_quantized():
    large = keras.layers.Conv2D(128, 3, name="large")
    small = keras.layers.Conv2D(32, 1, name="small", use_bias=False)
    assert _changes(_report(_conv(1), small, large)) == {"quantize what stayed in full precision": ("large",)}
    assert _report(keras.layers.Conv2D(128, 3)).advice == (), "there is nothing binary"
    image = keras.Input((6, 6, 64))
    model = keras.Model(image, keras.layers.Conv2D(128, 3)(_conv(1)(image)))
    assert convert(model, float_ops="float16").report.advice == ()


def test_advice_is_printed_and_on_the_page():
    image = x = keras.Input((6, 6, 64))
    for at in range(5):
        x = _conv(name=f"conv_{at}")(x)
    conversion = convert(keras.Model(image, x))
    printed = str(conversion.report)
    assert "What would make it faster" in printed
    assert "pad with ones (pad_values=1)" in printed
    assert "conv_0, conv_1, conv_2 and 2 more" in printed
    assert "1.00 to 1.05 times" in printed
    html = page(conversion.report, "title")
    assert "pad with ones" in html
    assert "conv_0, conv_1, conv_2 and 2 more" in html
    (advice,) = inspect(conversion.flatbuffer).to_dict()["advice"]
    assert advice["change"].startswith("pad with ones")
    assert len(advice["layers"]) == 5
