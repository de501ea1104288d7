import pytest

from larq_el import zoo
from larq_el._keras import keras, lq
from larq_el.convert import convert
from larq_el.introspection import windows_beyond_images

BINARY = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}


def conv(size, kernel, **options):
    image = keras.Input((size, size, 32))
    options = {"padding": "same", **options}
    return keras.Model(image, lq.layers.QuantConv2D(32, kernel, name="conv", **BINARY, **options)(image))


@pytest.mark.parametrize(
    ("size", "kernel", "options", "beyond"),
    [
        (2, 3, {}, True),
        (3, 3, {}, False),
        (2, (1, 3), {}, True),
        (1, 1, {}, False),
        (4, 3, {"dilation_rate": 2}, True),
        (5, 3, {"dilation_rate": 2}, False),
        (2, 3, {"pad_values": 1}, False),
        (4, 5, {"strides": 2}, True),
        (None, 3, {}, False),
    ],
)
def test_what_is_beyond_its_image_is_what_a_conversion_calls_faulty(size, kernel, options, beyond):
    model = conv(size, kernel, **options)
    assert windows_beyond_images(model) == ["conv"] * beyond
    if size is not None:
        assert [fault.layer for fault in convert(model).report.faulty] == ["conv"] * beyond


def test_a_shared_layer_counts_at_each_of_its_calls():
    shared = lq.layers.QuantConv2D(32, 3, padding="same", name="shared", **BINARY)
    large, small = keras.Input((8, 8, 32)), keras.Input((2, 2, 32))
    assert windows_beyond_images(keras.Model(large, shared(large))) == []
    model = keras.Model([large, small], [shared(large), shared(small)])
    assert windows_beyond_images(model) == ["shared"]


def test_models_inside_models_and_the_zoo():
    image = keras.Input((2, 2, 32))
    assert windows_beyond_images(keras.Model(image, conv(2, 3)(image))) == ["conv"]
    small = zoo.ELResNet18(input_shape=(16, 16, 3), width=0.25, classes=10)
    last = ["stage4_block1_last_conv", "stage4_block2_first_conv", "stage4_block2_last_conv"]
    assert windows_beyond_images(small) == last
    assert windows_beyond_images(zoo.ELResNet18(input_shape=(32, 32, 3), width=0.25, classes=10)) == []
