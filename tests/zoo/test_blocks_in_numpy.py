"""Blocks, stems and heads of the compared methods, written again in numpy from their papers and their authors' code.

The numpy side takes numbers from the model's layers (kernels, BatchNorms) and nothing of its structure.
"""

import functools

import numpy as np
import pytest

from larq_el import zoo
from larq_el._keras import keras

BLOCKS = {2: "stage2_block1", 1: "stage2_block2"}
"""By stride."""


def sign(x):
    return np.where(x >= 0, 1.0, -1.0)


def padded(x, size, stride, value=0.0):
    """TensorFlow's "same": as few pixels as the windows need, the odd one at the end."""
    needed = [max(0, (-(-n // stride) - 1) * stride + size - n) for n in x.shape[1:3]]
    margins = [(n // 2, n - n // 2) for n in needed]
    return np.pad(x, [(0, 0), *margins, (0, 0)], constant_values=value)


def windows(x, size, stride, value=0.0):
    """Each tap of the window, at all output pixels: (taps, N, H', W', C)."""
    height, width = (-(-n // stride) for n in x.shape[1:3])
    x = padded(x, size, stride, value)
    ends = (height - 1) * stride + 1, (width - 1) * stride + 1
    return np.stack(
        [x[:, i : i + ends[0] : stride, j : j + ends[1] : stride] for i in range(size) for j in range(size)]
    )


def conv(x, kernel, stride=1):
    size = kernel.shape[0]
    taps = kernel.reshape(size * size, *kernel.shape[2:])
    return sum(window @ tap for window, tap in zip(windows(x, size, stride), taps, strict=True))


def max_pool(x, size=3, stride=2):
    return windows(x, size, stride, -np.inf).max(axis=0)


def average_pool(x):
    return windows(x, 2, 2).mean(axis=0)


def alpha(kernel):
    """Mean of |W| of each filter."""
    return np.abs(kernel).mean(axis=(0, 1, 2))


def prelu(x, slope):
    return np.where(x > 0, x, slope * x)


def global_pool(x):
    return x.mean(axis=(1, 2))


class Numbers:
    """The numbers of one model's layers, in float64."""

    def __init__(self, name):
        keras.utils.set_random_seed(0)
        shape = {"input_shape": (64, 64, 3), "classes": 10, "width": 0.25, "classifier_activation": None}
        self.model = zoo.create_model(name, **shape)
        random = np.random.default_rng(0)
        for variable in self.model.weights:
            value = random.normal(scale=0.3, size=variable.shape)
            variable.assign(np.abs(value) + 0.5 if "variance" in variable.name else value)
        self.images = random.normal(size=(2, 64, 64, 3)).astype(np.float32)

    def of(self, layer):
        return [np.float64(value) for value in self.model.get_layer(layer).get_weights()]

    def norm(self, x, layer, epsilon=1e-5):
        gamma, beta, mean, variance = self.of(layer)
        return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta

    def shortcut(self, x, name, stride):
        """The identity, or BN(Conv1x1(AvgPool2x2 x)) where the block downsamples."""
        if stride == 1:
            return x
        return self.norm(conv(average_pool(x), *self.of(f"{name}_shortcut_conv")), f"{name}_shortcut_bn")

    def tensors(self, *tensors):
        values = keras.Model(self.model.input, list(tensors))(self.images)
        return [np.float64(value) for value in (values if len(tensors) > 1 else [values])]


numbers = functools.cache(Numbers)


def assert_equal(ours, theirs):
    assert np.abs(ours - theirs).max() / np.abs(theirs).max() < 1e-6


def bi_real_26(n, x, block, stride):
    """Binarized bottleneck "with an additional shortcut at the middle 3x3"; the stride on the first 1x1."""

    def unit(x, role, stride=1):
        (kernel,) = n.of(f"{block}_{role}_conv")
        return n.norm(conv(sign(x), alpha(kernel) * sign(kernel), stride), f"{block}_{role}_bn")

    y = unit(x, "reduce", stride)
    y = unit(y, "spatial") + y
    return unit(y, "expand") + n.shortcut(x, block, stride)


def xnor_18(n, x, block, stride):
    """BN, sign, convolution, K alpha, twice; one shortcut around both. K averages |x| over channels and window."""

    def unit(x, name, stride=1):
        (kernel,) = n.of(f"{block}_{name}_conv")
        x = n.norm(x, f"{block}_{name}_bn")
        k = windows(np.abs(x).mean(axis=-1, keepdims=True), 3, stride).sum(axis=0) / 9
        return conv(sign(x), sign(kernel), stride) * k * alpha(kernel)

    return unit(unit(x, "first", stride), "last") + n.shortcut(x, block, stride)


def binary_e_18(n, x, block, stride):
    """Sign, convolution, BN, each with a shortcut; no scale."""
    for name, at in (("first", stride), ("last", 1)):
        y = conv(sign(x), sign(*n.of(f"{block}_{name}_conv")), at)
        x = n.norm(y, f"{block}_{name}_bn") + n.shortcut(x, f"{block}_{name}", at)
    return x


def real_to_binary_18(n, x, block, stride):
    """BN, sign, convolution, the scale predicted from what is before the sign, PReLU; each with a shortcut."""
    for name, at in (("first", stride), ("last", 1)):
        u = n.norm(x, f"{block}_{name}_bn")
        y = conv(sign(u), sign(*n.of(f"{block}_{name}_conv")), at)
        (hidden,), (out,) = (n.of(f"{block}_{name}_rescale_{part}") for part in ("relu", "sigmoid"))
        scale = 1 / (1 + np.exp(-np.maximum(global_pool(u) @ hidden[0, 0], 0) @ out[0, 0]))
        y = prelu(y * scale[:, None, None], *n.of(f"{block}_{name}_prelu"))
        x = y + n.shortcut(x, f"{block}_{name}", at)
    return x


def react_18(n, x, block, stride):
    """RSign, convolution, BN, shortcut, RPReLU, twice."""
    for name, at in (("first", stride), ("last", 1)):
        (kernel,) = n.of(f"{block}_{name}_conv")
        signs = sign(x + n.of(f"{block}_{name}_shift")[0])
        y = n.norm(conv(signs, alpha(kernel) * sign(kernel), at), f"{block}_{name}_bn")
        y += n.shortcut(x, f"{block}_{name}", at)
        before, (slope,), after = (n.of(f"{block}_{name}_{part}") for part in ("bias_in", "prelu", "bias_out"))
        x = prelu(y + before[0], slope) + after[0]
    return x


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("bi_real_resnet26", bi_real_26),
        ("xnor_resnet18", xnor_18),
        ("binary_e_resnet18", binary_e_18),
        ("real_to_bin_resnet18", real_to_binary_18),
        ("react_resnet18", react_18),
    ],
)
def test_a_block(name, block, stride):
    n = numbers(name)
    layers = [layer for layer in n.model.layers if layer.name.startswith(BLOCKS[stride])]
    x, built = n.tensors(layers[0].input, layers[-1].output)
    assert built.shape[1] == x.shape[1] // stride
    assert_equal(block(n, x, BLOCKS[stride], stride), built)


def two_stream(n, a, b, block, stride):
    """Bi-Real net's own bottleneck: y1 = BN(1x1) + a, y2 = BN(3x3) + y1, y3 = BN(1x1) + shortcut(b)."""

    def unit(x, role, stride=1):
        (kernel,) = n.of(f"{block}_{role}_conv")
        return n.norm(conv(sign(x), alpha(kernel) * sign(kernel), stride), f"{block}_{role}_bn")

    y = unit(b, "reduce") + (a if stride == 1 else conv(a, *n.of(f"{block}_stream_conv")))
    y = unit(y, "spatial", stride) + (y if stride == 1 else average_pool(y))
    return y, unit(y, "expand") + n.shortcut(b, block, stride)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_block_of_two_streams(stride):
    n, block = numbers("bi_real_two_stream_resnet50"), BLOCKS[stride]
    before = "stage1_block3" if stride == 2 else "stage2_block1"
    outputs = [n.model.get_layer(f"{at}_{part}").output for at in (before, block) for part in ("spatial_add", "add")]
    a, b, narrow, wide = n.tensors(*outputs)
    ours = two_stream(n, a, b, block, stride)
    assert_equal(ours[0], narrow)
    assert_equal(ours[1], wide)


def test_the_first_of_two_streams_begins_in_full_precision():
    n = numbers("bi_real_two_stream_resnet50")
    parts = ("clip", "reduce_bn", "spatial_add", "add")
    layers = [n.model.get_layer(f"stage1_block1_{part}") for part in parts]
    x, reduced, narrow, wide = n.tensors(layers[0].input, *(layer.output for layer in layers[1:]))
    clipped = np.clip(x, -1, 1) + 0.1 * (x - np.clip(x, -1, 1))
    y = n.norm(conv(clipped, *n.of("stage1_block1_reduce_conv")), "stage1_block1_reduce_bn")
    assert_equal(y, reduced)
    # the rest is that of other blocks; the wide stream changes its width without a stride
    (spatial,), (expand,) = (n.of(f"stage1_block1_{role}_conv") for role in ("spatial", "expand"))
    y = n.norm(conv(sign(y), alpha(spatial) * sign(spatial)), "stage1_block1_spatial_bn") + y
    assert_equal(y, narrow)
    y = n.norm(conv(sign(y), alpha(expand) * sign(expand)), "stage1_block1_expand_bn")
    shortcut = n.norm(conv(x, *n.of("stage1_block1_shortcut_conv")), "stage1_block1_shortcut_bn")
    assert_equal(y + shortcut, wide)


def xnor_stem(n, image):
    return max_pool(np.maximum(n.norm(conv(image, *n.of("stem_conv"), 2), "stem_bn"), 0))


def real_to_binary_stem(n, image):
    return max_pool(prelu(n.norm(conv(image, *n.of("stem_conv"), 2), "stem_bn"), *n.of("stem_prelu")))


def binary_e_stem(n, image):
    """BatchNorm of the image without a factor, 7x7, BN, ReLU, max-pool, BN."""
    beta, mean, variance = n.of("stem_image_bn")
    image = (image - mean) / np.sqrt(variance + 2e-5) + beta
    return n.norm(xnor_stem(n, image), "stem_second_bn")


def bi_real_stem(n, image):
    return max_pool(n.norm(conv(image, *n.of("stem_conv"), 2), "stem_bn"))


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("bi_real_resnet26", bi_real_stem),
        ("react_resnet18", bi_real_stem),
        ("xnor_resnet18", xnor_stem),
        ("binary_e_resnet18", binary_e_stem),
        ("real_to_bin_resnet18", real_to_binary_stem),
        ("el_dagger_resnet26", real_to_binary_stem),
    ],
)
def test_a_stem(name, stem):
    n = numbers(name)
    first = next(layer for layer in n.model.layers if layer.name.startswith("stage1"))
    (built,) = n.tensors(first.input)
    assert_equal(stem(n, np.float64(n.images)), built)


def xnor_head(n, x):
    return np.maximum(n.norm(x, "last_bn"), 0)


def binary_e_head(n, x):
    return np.maximum(x, 0)


def no_head(n, x):
    return x


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("bi_real_resnet26", no_head),
        ("xnor_resnet18", xnor_head),
        ("binary_e_resnet18", binary_e_head),
        ("real_to_bin_resnet18", no_head),
        ("react_resnet18", no_head),
    ],
)
def test_a_head(name, head):
    n = numbers(name)
    last = [layer for layer in n.model.layers if layer.name.startswith("stage4")][-1]
    x, built = n.tensors(last.output, n.model.output)
    kernel, bias = n.of("logits")
    assert_equal(global_pool(head(n, x)) @ kernel + bias, built)
