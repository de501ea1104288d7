"""Parameters and operations at full size, by what sets a network apart from one that is counted already."""

import functools

import pytest

from larq_el import zoo
from larq_el.complexity import complexity

BATCH_NORM = 4  # gamma, beta, mean and variance of each channel


@functools.cache
def counted(name, **options):
    """Parameters, BOPs and FLOPs."""
    model = zoo.create_model(name, **options)
    result = complexity(model)
    return model.count_params(), result.bops, result.flops


def difference(name, other, **options):
    return tuple(a - b for a, b in zip(counted(name), counted(other, **options), strict=True))


@pytest.mark.parametrize(
    ("name", "other", "parameters"),
    [
        # the sum around a 3x3 has no parameters
        ("bi_real_resnet26", "s_resnet26", 0),
        # the image's BatchNorm of three channels has no gamma; a second BatchNorm of the 64 channels behind the pool
        ("binary_e_resnet18", "el_resnet18", 3 * 3 + BATCH_NORM * 64),
        # BatchNorm on a convolution's input: half the channels where they double; one more of 512 before the classifier
        ("xnor_resnet18", "xnor_norm_last_resnet18", BATCH_NORM * (512 - 64 - 128 - 256)),
    ],
)
def test_parameters(name, other, parameters):
    assert difference(name, other)[0] == parameters


@pytest.mark.parametrize("name", ["bi_real_resnet26", "xnor_resnet26", "binary_e_resnet26"])
def test_sums_scales_and_batchnorms_are_no_multiply_accumulates(name):
    assert difference(name, "s_resnet26")[1:] == (0, 0)


def test_react_resnet18_learns_a_threshold_of_each_input_channel_and_an_rprelu_of_each_output_channel():
    # sixteen convolutions: four of 64 channels; then one that doubles them and three more, three times
    inputs = 4 * 64 + sum(channels // 2 + 3 * channels for channels in (128, 256, 512))
    outputs = 4 * (64 + 128 + 256 + 512)
    assert difference("react_resnet18", "bi_real_resnet18") == (inputs + 3 * outputs, 0, 0)


def test_real_to_binary_adds_a_scale_and_a_slope_to_each_convolution_and_a_slope_to_the_stem():
    widths = [(64, 64)] * 4
    for channels in (128, 256, 512):
        widths += [(channels // 2, channels), *[(channels, channels)] * 3]
    scales = sum(inputs // 8 * inputs + inputs // 8 * outputs for inputs, outputs in widths)
    slopes = 64 + sum(outputs for _, outputs in widths)
    # BatchNorm is on the input, of half the channels where they double
    norms = BATCH_NORM * sum(inputs - outputs for inputs, outputs in widths)
    assert difference("real_to_bin_resnet18", "el_resnet18")[0] == scales + slopes + norms == 296_512


@pytest.mark.slow
def test_two_streams_have_a_real_first_1x1_and_three_more_on_the_narrow_stream():
    first = 64 * 64
    narrow = 64 * 128, 128 * 256, 256 * 512
    real = first * 56**2 + sum(weights * size**2 for weights, size in zip(narrow, (56, 28, 14), strict=True))
    # its stride is on the 3x3
    expected = (sum(narrow), -first * 56**2, real)
    assert difference("bi_real_two_stream_resnet50", "bi_real_resnet50", stride_on="spatial") == expected
