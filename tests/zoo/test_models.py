"""The models of the zoo: what they are made of, that each can be trained and saved, and how mistakes are refused."""

import functools
import inspect
import re

import numpy as np
import pytest

from larq_el import zoo
from larq_el._keras import keras, lq, tf
from larq_el.errors import UserError
from larq_el.introspection import convolutions, is_binary_convolution
from larq_el.layers import ActivationScale, ElasticLink

SMALL = {"input_shape": (32, 32, 3), "width": 0.125, "classes": 10}
DEPTHS = {"resnet18": (2, 2, 2, 2), "resnet26": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3), "resnet50": (3, 4, 6, 3)}
PUBLIC = sorted(zoo.MODEL_FUNCTIONS)
# the deep ones have the units of the shallow ones, more often
EACH = [
    pytest.param(name, marks=pytest.mark.slow) if name.endswith(("resnet34", "resnet50")) else name
    for name in zoo.list_models()
]


@functools.cache
def small(name):
    """A model at 32 px and an eighth of the width, built once: tests only read it."""
    return zoo.create_model(name, **SMALL)


def _layers(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def _images(count=16, size=32):
    return np.random.default_rng(0).normal(scale=60, size=(count, size, size, 3)).astype(np.float32)


def _gammas(model):
    return [float(link.gamma) for link in _layers(model, ElasticLink) if link.gamma is not None]


def _equation_5(backbone):
    """Of each bottleneck's two 1x1s: C -> f, where C is 64 (the stem), 4f / 2 (a stage's first) or 4f, and f -> 4f."""
    gammas = []
    for stage, depth in enumerate(DEPTHS[backbone]):
        first = 1 if stage == 0 else 2
        gammas += [first, 4] + [4, 4] * (depth - 1)
    return gammas


@pytest.mark.parametrize(("backbone", "count"), [("resnet26", 16), ("resnet50", 32)])
def test_elastic_link_has_a_gamma_of_equation_5_on_every_1x1(backbone, count):
    model = zoo.create_model(backbone, "el", input_shape=(32, 32, 3), width=0.25)
    assert _gammas(model) == _equation_5(backbone)
    assert len(_gammas(model)) == count


@pytest.mark.slow
@pytest.mark.parametrize(("build", "count"), [(zoo.ELResNet26, 16), (zoo.ELResNet50, 32)])
def test_the_full_size_has_a_gamma_of_equation_5_on_every_1x1(build, count):
    model = build()
    assert _gammas(model) == _equation_5(build.__name__.removeprefix("EL").lower())
    assert len(_gammas(model)) == count


@pytest.mark.parametrize("name", ["el_resnet26", "s_resnet26"])
def test_the_link_around_a_3x3_is_a_plain_sum(name):
    links = [link for link in _layers(small(name), ElasticLink) if link.name.endswith("_spatial_link")]
    assert len(links) == 8
    assert all(link.gamma is None for link in links)


def test_every_learned_gamma_is_trainable():
    model = small("el_resnet26")
    assert sum("gamma" in weight.name and "_link/" in weight.name for weight in model.trainable_weights) == 16


@pytest.mark.parametrize(("name", "count"), [("el_resnet26", 8), ("el_resnet50", 16)])
def test_k_scales_the_reduction_1x1s_alone_from_their_real_input(name, count):
    model = small(name)
    scales = _layers(model, ActivationScale)
    blocks = [f"stage{stage}_block{i}" for stage, n in enumerate(DEPTHS[name[3:]], 1) for i in range(1, n + 1)]
    assert [scale.name for scale in scales] == [f"{block}_reduce_scale" for block in blocks]
    assert len(scales) == count
    for scale in scales:
        conv = model.get_layer(scale.name.replace("_scale", "_conv"))
        assert scale.input is conv.input
        assert (scale.kernel_size, (scale.strides,) * 2) == (1, conv.strides)


@pytest.mark.parametrize(
    "name", [name for name in zoo.list_models() if re.match("(bi_real|binary_e|s)?_?resnet", name)]
)
def test_no_other_model_has_k_or_gamma(name):
    assert _layers(small(name), ActivationScale) == []
    assert _gammas(small(name)) == []


@pytest.mark.parametrize("name", zoo.list_models())
def test_the_number_of_binary_convolutions(name):
    described = zoo.describe(name)
    # thirteen pairs, of which four depthwise ones have stride 2; thirteen blocks of two, of which four double
    # the channels at this width (of the full width five: 32 to 64 is 8 to 8 here)
    binary = {"18": 16, "26": 24, "34": 32, "50": 48, "mobilenet": 13 + 9, "reactnet_a": 26, "reactnet_c": 26 - 4}
    # sixteen blocks of three, whose very first convolution is in full precision
    binary |= {"two_stream_resnet50": 47}
    binary |= {"mobinet_standard": 26, "mobinet_pre": 39, "mobinet_mid": 39, "mobinet_mid_k1": 39, "mobinet_post": 52}
    expected = binary[described["backbone"].removeprefix("resnet")]
    expected *= {"tbn": 2, "tbn_delta_04": 2, "abc_3x3": 9}.get(described["method"], 1)
    if described["method"] == "full_precision":
        expected = 0
    if described["method"] in ("s_first_float", "s_first_link"):
        expected -= 8
    assert sum(is_binary_convolution(layer) * convolutions(layer) for layer in small(name).layers) == expected


@pytest.mark.parametrize("name", EACH)
def test_the_predictions_are_probabilities_of_the_classes(name):
    model = small(name)
    predictions = model(_images(4), training=False)
    assert model.output_shape == (None, 10)
    assert predictions.shape == (4, 10)
    np.testing.assert_allclose(tf.reduce_sum(predictions, axis=1), np.ones(4), rtol=1e-5)


@pytest.mark.parametrize("name", EACH)
def test_every_trainable_variable_gets_a_gradient_and_a_training_step_moves_it(name):
    model = small(name)
    with tf.GradientTape() as tape:
        predictions = model(_images(), training=True)
        loss = keras.losses.sparse_categorical_crossentropy(np.arange(16) % 10, predictions)
    gradients = tape.gradient(loss, model.trainable_variables)
    missing = [v.name for v, g in zip(model.trainable_variables, gradients, strict=True) if g is None]
    assert missing == []
    zero = [v.name for v, g in zip(model.trainable_variables, gradients, strict=True) if not np.any(g)]
    assert zero == []
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    before = model.get_weights()
    keras.optimizers.Adam(1e-3).apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    moved = [not np.array_equal(now, then) for now, then in zip(model.get_weights(), before, strict=True)]
    model.set_weights(before)
    if not zoo.describe(name)["not_converged"]:  # there gradients vanish: ABC-Net on MobileNet has some of 1e-10
        assert sum(moved) == len(model.trainable_variables), "one training step moves every trainable variable"


@pytest.mark.parametrize("name", EACH)
def test_a_saved_model_and_its_packed_weights_compute_the_same(tmp_path, name):
    model = small(name)
    zoo.save_weights(model, tmp_path / "weights.npz")
    packed = zoo.create_model(name, weights=str(tmp_path / "weights.npz"), **SMALL)
    np.testing.assert_array_equal(packed(_images(4), training=False), model(_images(4), training=False))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(_images(4), training=False), model(_images(4), training=False))


def test_weights_are_loaded_from_a_saved_model(tmp_path):
    model = small("el_resnet26")
    model.save(tmp_path / "model.keras")
    other = zoo.ELResNet26(weights=str(tmp_path / "model.keras"), **SMALL)
    np.testing.assert_array_equal(other(_images(4), training=False), model(_images(4), training=False))


@pytest.mark.parametrize(("size", "features"), [(32, (4, 4)), (63, (8, 8))])
def test_a_small_image_gets_the_3x3_stem_without_max_pool(size, features):
    model = zoo.ELResNet18(input_shape=(size, size, 3), width=0.125, include_top=False)
    stem = model.get_layer("stem_conv")
    assert (stem.kernel_size, stem.strides) == ((3, 3), (1, 1))
    assert "stem_pool" not in [layer.name for layer in model.layers]
    assert model.output_shape == (None, *features, 64)


@pytest.mark.parametrize(("size", "features"), [(64, (2, 2)), (224, (7, 7)), (None, (None, None))])
def test_a_large_image_gets_the_7x7_stem_with_max_pool(size, features):
    model = zoo.ELResNet18(input_shape=(size, size, 3), width=0.125, include_top=False)
    stem, pool = model.get_layer("stem_conv"), model.get_layer("stem_pool")
    assert (stem.kernel_size, stem.strides) == ((7, 7), (2, 2))
    assert (pool.pool_size, pool.strides) == ((3, 3), (2, 2))
    assert model.output_shape == (None, *features, 64)


@pytest.mark.parametrize(("pooling", "shape"), [(None, (None, 4, 4, 256)), ("avg", (None, 256)), ("max", (None, 256))])
def test_without_the_top_the_features_come_out_pooled_as_asked(pooling, shape):
    model = zoo.ELResNet26(input_shape=(32, 32, 3), width=0.125, include_top=False, pooling=pooling)
    assert model.output_shape == shape


def test_the_classifier_activation_may_be_left_out():
    model = zoo.ELResNet18(**SMALL, classifier_activation=None)
    logits = model(_images(2), training=False)
    np.testing.assert_array_equal(logits, keras.Model(model.input, model.get_layer("logits").output)(_images(2)))


def test_an_input_tensor_is_the_image():
    image = keras.Input((32, 32, 3))
    model = zoo.ELResNet18(input_tensor=image, width=0.125, classes=10)
    assert model.input is image


def test_an_input_tensor_may_come_from_other_layers():
    image = keras.Input((32, 32, 1))
    model = zoo.ELResNet18(input_tensor=keras.layers.Concatenate()([image] * 3), width=0.125, classes=10)
    assert model.input_shape == (None, 32, 32, 1)
    assert model.output_shape == (None, 10)


def _strides(model, role):
    convs = [layer for layer in model.layers if layer.name.endswith(f"_{role}_conv")]
    return [conv.strides[0] for conv in convs]


def test_stride_on_spatial_moves_the_stride_from_the_1x1_to_the_3x3():
    moved = zoo.ELResNet26(**SMALL, stride_on="spatial")
    first_of_stages_2_to_4 = [1, 1, 2, 1, 2, 1, 2, 1]
    assert _strides(small("el_resnet26"), "reduce") == _strides(moved, "spatial") == first_of_stages_2_to_4
    assert _strides(small("el_resnet26"), "spatial") == _strides(moved, "reduce") == [1] * 8
    for layer in _layers(moved, ElasticLink):
        conv = moved.get_layer(layer.name.replace("_link", "_conv"))
        assert (layer.strides,) * 2 == conv.strides
    last = "stage4_block2_add"
    assert moved.get_layer(last).output_shape == small("el_resnet26").get_layer(last).output_shape


def test_one_padding_is_for_binary_3x3s_alone_and_changes_the_predictions():
    padded = zoo.ELResNet26(**SMALL, pad_values=1)
    values = {conv.kernel_size: conv.pad_values for conv in _layers(padded, lq.layers.QuantConv2D)}
    assert values == {(1, 1): 0, (3, 3): 1}
    padded.set_weights(small("el_resnet26").get_weights())
    assert np.any(padded(_images(2)) != small("el_resnet26")(_images(2)))


def test_zero_padding_is_the_default():
    assert {conv.pad_values for conv in _layers(small("el_resnet26"), lq.layers.QuantConv2D)} == {0}


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_function_has_the_documented_signature_and_name(name):
    function = getattr(zoo, name)
    parameters = inspect.signature(function).parameters
    assert list(parameters) == [
        *("weights", "include_top", "input_shape", "input_tensor", "pooling", "classes", "classifier_activation"),
        *("width", "stride_on", "pad_values", "name"),
    ]
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters.values())
    assert function.__name__ == function.__qualname__ == name
    assert function.__doc__.startswith(f"{name}: ")
    assert [parameter for parameter in parameters if f"        {parameter}: " not in function.__doc__] == []


def test_every_listed_model_has_a_public_function_that_passes_its_arguments_on(monkeypatch):
    monkeypatch.setattr("larq_el.zoo.models.create_model", lambda *names, **arguments: (names, arguments))
    built = set()
    for name in PUBLIC:
        (backbone, method), arguments = getattr(zoo, name)(classes=7, width=0.5, stride_on="spatial", pad_values=1)
        assert arguments.items() >= {"classes": 7, "width": 0.5, "stride_on": "spatial", "pad_values": 1}.items()
        built.add(f"{zoo.METHODS[method].prefix}_{backbone}".lstrip("_"))
    assert built == {
        name
        for name in zoo.list_models()
        if not re.match("el_[1-6]_|s_k|s_first", name) and zoo.describe(name)["source"] != "a reading"
    }


def test_the_papers_models_have_the_names_that_keras_would_give_them():
    assert {"ELResNet26", "ELMobileNet", "ELReActNetC", "BiRealResNet34", "XNORResNet18", "TBNResNet18"} < set(PUBLIC)
    assert {"RealToBinResNet50", "ABCResNet18", "CINetResNet34", "MoBiNetMid", "ResNet50"} < set(PUBLIC)
    assert all(getattr(zoo, name) is function for name, function in zoo.MODEL_FUNCTIONS.items())
    assert "KSResNet26" not in PUBLIC, "ablations are built by create_model"


def test_an_unknown_public_function_is_refused_with_those_that_exist():
    with pytest.raises(AttributeError, match="larq_el.zoo has no 'ELResNet62'; did you mean .*'ELResNet26'"):
        _ = zoo.ELResNet62


@pytest.mark.parametrize("name", ["ELResNet26", "el_resnet26", "EL-ResNet26"])
def test_a_model_is_found_by_its_name_or_its_functions_name(name):
    assert zoo.create_model(name, **SMALL).name == "el_resnet26"


def test_a_model_may_be_given_a_name():
    assert zoo.ELResNet18(**SMALL, name="mine").name == "mine"


@pytest.mark.slow
def test_full_precision_resnet50_has_the_weights_of_keras_applications_without_convolution_biases():
    theirs = keras.applications.ResNet50(weights=None)
    ours = zoo.ResNet50()
    biases = sum(layer.filters for layer in _layers(theirs, keras.layers.Conv2D) if layer.use_bias)
    assert ours.count_params() == theirs.count_params() - biases
    kernels = [sorted(tuple(layer.kernel.shape) for layer in _layers(m, keras.layers.Conv2D)) for m in (ours, theirs)]
    assert kernels[0] == kernels[1]
    outputs = [sorted(tuple(layer.output_shape) for layer in _layers(m, keras.layers.Add)) for m in (ours, theirs)]
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("el_resnet62",), "there is no model 'el_resnet62'; did you mean 'el_resnet26'"),
        (("ELResNet62",), "there is no model 'ELResNet62'; did you mean .*'el_resnet26'"),
        (("xyz",), "there is no model 'xyz'; known are 'abc_3x3_resnet18', .* and [0-9]+ more$"),
        (("resnet62", "el"), "there is no backbone 'resnet62'; did you mean 'resnet26'"),
        (("resnet26", "bireal"), "there is no method 'bireal'; did you mean 'bi_real'"),
        (("resnet18", "s"), "method 's' does not say what a basic .*convolution of 'resnet18' is made of; list_models"),
    ],
)
def test_an_unknown_name_is_refused_with_those_that_exist(names, message):
    with pytest.raises(UserError, match=message):
        zoo.create_model(*names)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"widht": 0.5}, "there is no option 'widht'; did you mean 'width'"),
        ({"zzz": 1}, "there is no option 'zzz'; known are 'pad_values', 'stride_on', 'width'"),
        ({"width": 0}, "width must be above 0, got 0; 1.0 is the published network"),
        ({"width": -0.5}, "width must be above 0, got -0.5"),
        ({"width": float("nan")}, "width must be above 0, got nan"),
        ({"width": float("inf")}, "width must be above 0, got inf"),
        ({"width": "a"}, "width must be above 0, got 'a'"),
        ({"stride_on": "expand"}, "stride_on must be 'reduce' or 'spatial', got 'expand'"),
        ({"pad_values": 0.5}, "pad_values must be 0 or 1, got 0.5"),
        ({"pad_values": -1}, "pad_values must be 0 or 1, got -1"),
        ({"input_shape": (32, 32)}, r"input_shape must be \(height, width, channels\) .* got \(32, 32\)"),
        ({"input_shape": (1, 32, 32, 3)}, r"input_shape must be .* got \(1, 32, 32, 3\)"),
        ({"input_shape": (0, 32, 3)}, r"input_shape must be .* got \(0, 32, 3\)"),
        ({"input_shape": (32, 32, None)}, r"input_shape must be .* got \(32, 32, None\)"),
        ({"input_shape": "32"}, "input_shape must be .* got '32'"),
        ({"input_shape": 5}, "input_shape must be .* got 5"),
        ({"input_shape": (32.5, 32, 3)}, r"input_shape must be .* got \(32.5, 32, 3\)"),
        ({"input_tensor": tf.zeros((1, 32, 32, 3))}, r"input_tensor must be a Keras tensor of shape \(N, H, W, C\)"),
    ],
)
def test_a_wrong_option_is_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        zoo.create_model("el_resnet26", **arguments)


@pytest.mark.parametrize("classes", [0, -1, 2.5, None, "10", True])
def test_a_wrong_number_of_classes_is_refused(classes):
    with pytest.raises(UserError, match="classes must be a positive integer, got"):
        zoo.ELResNet18(**SMALL | {"classes": classes})


def test_an_unknown_pooling_is_refused():
    with pytest.raises(UserError, match="pooling must be None, 'avg' or 'max', got 'sum'"):
        zoo.ELResNet18(**SMALL, include_top=False, pooling="sum")


def test_weights_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(UserError, match="weights must be None or the path of a weights file, .* no file '.*gone.h5'"):
        zoo.ELResNet18(**SMALL, weights=str(tmp_path / "gone.h5"))


def test_a_folder_is_no_weights_file(tmp_path):
    with pytest.raises(UserError, match="there is no file '"):
        zoo.ELResNet18(**SMALL, weights=str(tmp_path))


def test_imagenet_weights_are_not_published_yet():
    with pytest.raises(UserError, match="weights 'imagenet' of 'el_resnet18' are not published yet; give the path"):
        zoo.ELResNet18(**SMALL, weights="imagenet")


@pytest.mark.parametrize("name", ["x.h5", "x.weights.h5", "x.keras", "x.txt"])
def test_a_text_file_holds_no_weights(tmp_path, name):
    (tmp_path / name).write_text("no weights\n")
    with pytest.raises(UserError, match=rf"'.*{name}' does not hold the weights of 'el_resnet18': "):
        zoo.ELResNet18(**SMALL, weights=str(tmp_path / name))


@pytest.fixture(scope="module")
def weights_of_el_resnet26(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    model = zoo.ELResNet26(**SMALL)
    model.save(folder / "x.keras")
    model.save_weights(folder / "x.h5")
    model.save_weights(folder / "x.weights.h5")
    return folder


@pytest.mark.parametrize("file", ["x.keras", "x.h5", "x.weights.h5"])
@pytest.mark.parametrize(
    ("name", "width"), [("el_resnet18", 0.125), ("s_resnet26", 0.125), ("el_resnet50", 0.125), ("el_resnet26", 0.25)]
)
def test_weights_of_another_model_are_refused(weights_of_el_resnet26, file, name, width):
    with pytest.raises(UserError, match=rf"'.*{file}' does not hold the weights of '{name}': \w+"):
        zoo.create_model(name, **SMALL | {"width": width}, weights=str(weights_of_el_resnet26 / file))
