import pytest

from larq_el import zoo
from larq_el._keras import keras, lq
from larq_el.complexity import complexity, elastic_link_operations
from larq_el.errors import UserError
from larq_el.layers import ElasticLink

BINARY = {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip", "use_bias": False}


def counted(*layers, shape=(8, 8, 32)):
    model = keras.Sequential([keras.Input(shape), *layers])
    return complexity(model)


def test_a_float_convolution_by_hand():
    result = counted(keras.layers.Conv2D(16, 3, strides=2, padding="same"))
    assert result.flops == 4 * 4 * 3 * 3 * 32 * 16
    assert result.bops == 0
    assert result.parameters == result.float_parameters == 3 * 3 * 32 * 16 + 16
    assert result.bytes == 4 * result.parameters


def test_a_binary_convolution_by_hand():
    result = counted(lq.layers.QuantConv2D(16, 3, padding="same", input_quantizer="ste_sign", **BINARY))
    assert result.bops == 8 * 8 * 3 * 3 * 32 * 16
    assert result.flops == 0
    assert result.ops == result.bops / 64
    assert result.binary_parameters == 3 * 3 * 32 * 16
    assert result.bytes == 3 * 3 * 32 * 16 / 8


def test_binary_weights_alone_are_deployed_as_bits_and_compute_in_float():
    result = counted(lq.layers.QuantConv2D(16, 1, **BINARY))
    assert (result.bops, result.flops) == (0, 8 * 8 * 32 * 16)
    assert result.bytes == 32 * 16 / 8


def test_signs_that_were_moved_still_are_signs():
    result = counted(lq.quantizers.SteSign(), keras.layers.Reshape((16, 4, 32)), lq.layers.QuantConv2D(16, 1, **BINARY))
    assert (result.bops, result.flops) == (16 * 4 * 32 * 16, 0)


@pytest.mark.parametrize(
    ("layer", "macs"),
    [
        (keras.layers.DepthwiseConv2D(3, padding="same"), 8 * 8 * 9 * 32),
        (keras.layers.SeparableConv2D(16, 3, padding="same"), 8 * 8 * (9 * 32 + 32 * 16)),
        (keras.layers.Conv2DTranspose(16, 3, strides=2, padding="same"), 8 * 8 * 9 * 32 * 16),
        (keras.layers.Conv2D(32, 1, groups=4), 8 * 8 * 8 * 32),
        (keras.layers.BatchNormalization(), 0),
    ],
)
def test_other_layers_by_hand(layer, macs):
    assert counted(layer).flops == macs


def test_dense_by_hand():
    assert counted(keras.layers.Dense(10), shape=(32,)).flops == 320


def test_a_model_inside_a_model_counts():
    inner = keras.Sequential([keras.Input((8, 8, 32)), keras.layers.Conv2D(16, 1)])
    assert counted(inner).flops == 8 * 8 * 32 * 16


def test_unknown_sizes_cannot_be_counted():
    with pytest.raises(UserError, match=r"the operations of layer 'conv' cannot be counted.*fixed input_shape"):
        counted(keras.layers.Conv2D(4, 1, name="conv"), shape=(None, None, 3))


@pytest.mark.parametrize(("name", "ops"), [("bi_real_resnet18", 164.0e6), ("bi_real_resnet34", 192.9e6)])
def test_the_published_operations_of_bi_real_net(name, ops):
    assert complexity(zoo.create_model(name)).ops == pytest.approx(ops, rel=0.0005)


@pytest.mark.parametrize(
    ("stride_on", "rule", "millions"),
    # Elements of the 1x1 convolutions' outputs; "folded" adds one multiplication an element of the narrow side.
    [
        ("reduce", "sum", 6.90),
        ("reduce", "folded", 9.66),
        ("reduce", "naive", 13.80),
        ("spatial", "sum", 7.43),
        ("spatial", "folded", 10.7),
        ("spatial", "naive", 14.85),
    ],
)
def test_what_elastic_link_adds_to_resnet50(stride_on, rule, millions):
    model = zoo.ELResNet50(stride_on=stride_on)
    assert elastic_link_operations(model, rule) / 1e6 == pytest.approx(millions, rel=0.005)


def test_links_without_gamma_are_not_counted():
    image = keras.Input((8, 8, 32))
    model = keras.Model(image, ElasticLink(use_gamma=False)([image, image]))
    assert elastic_link_operations(model) == 0


def test_a_squeeze_scales_the_narrow_side_by_hand():
    wide, narrow = keras.Input((8, 8, 32)), keras.Input((8, 8, 16))
    model = keras.Model([wide, narrow], ElasticLink()([narrow, wide]))
    assert [elastic_link_operations(model, rule) for rule in ("sum", "folded", "naive")] == [1024, 2048, 2048]


def test_the_counting_rule_has_to_be_known():
    with pytest.raises(UserError, match="there is no counting rule 'summ'; did you mean 'sum'"):
        elastic_link_operations(None, "summ")


def test_links_of_unknown_size_cannot_be_counted():
    image = keras.Input((None, None, 32))
    model = keras.Model(image, ElasticLink(name="link")([image, image]))
    with pytest.raises(UserError, match="layer 'link' cannot be counted"):
        elastic_link_operations(model)
