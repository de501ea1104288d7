"""Mean subtraction, and names for predictions."""

import numpy as np
import pytest

from larq_el._keras import tf
from larq_el.errors import UserError
from larq_el.zoo import decode_predictions, preprocess_input

# 0 and 255 minus ImageNet's means 123.675, 116.28, 103.53
BLACK = [-123.675, -116.28, -103.53]
WHITE = [131.325, 138.72, 151.47]
IMAGE = np.array([[[[0, 0, 0], [255, 255, 255]]]])
PREDICTIONS = np.array([[0.2, 0.5, 0.3], [0.9, 0.0, 0.1]])
NAMES = ["cat", "dog", "owl"]


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float64])
def test_an_array_stays_an_array_of_float32(dtype):
    result = preprocess_input(IMAGE.astype(dtype))
    assert isinstance(result, np.ndarray)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result[0, 0], [BLACK, WHITE], rtol=1e-6)


@pytest.mark.parametrize("dtype", [tf.uint8, tf.float16, tf.float32])
def test_a_tensor_stays_a_tensor_of_float32(dtype):
    result = preprocess_input(tf.constant(IMAGE, dtype), data_format="channels_last")
    assert tf.is_tensor(result)
    assert result.dtype == tf.float32
    np.testing.assert_allclose(result[0, 0], [BLACK, WHITE], rtol=1e-6)


def test_the_input_is_not_changed():
    image = IMAGE.astype(np.float32)
    preprocess_input(image)
    np.testing.assert_array_equal(image, IMAGE)


def test_channels_first_is_refused():
    with pytest.raises(UserError, match="data_format must be 'channels_last', got 'channels_first'"):
        preprocess_input(IMAGE, data_format="channels_first")


@pytest.mark.parametrize("kind", [np.asarray, tf.constant])
def test_an_image_that_is_not_rgb_is_refused(kind):
    with pytest.raises(UserError, match=r"takes RGB images, \(\.\.\., 3\), got shape \(1, 4, 4, 1\)"):
        preprocess_input(kind(np.zeros((1, 4, 4, 1))))


@pytest.mark.parametrize("kind", [np.asarray, tf.constant])
def test_the_most_likely_classes_come_first(kind):
    decoded = decode_predictions(kind(PREDICTIONS), top=2, class_names=NAMES)
    assert decoded == [
        [("dog", "dog", 0.5), ("owl", "owl", 0.3)],
        [("cat", "cat", 0.9), ("owl", "owl", 0.1)],
    ]


def test_more_than_all_classes_are_all_classes():
    assert [len(sample) for sample in decode_predictions(PREDICTIONS, top=5, class_names=NAMES)] == [3, 3]


def test_without_names_the_classes_are_imagenets(monkeypatch):
    calls = []
    utils = "larq_el.data.preprocessing.keras.applications.imagenet_utils.decode_predictions"
    monkeypatch.setattr(utils, lambda preds, top: calls.append((preds.shape, top)))
    decode_predictions(np.zeros((2, 1000)), top=3)
    assert calls == [((2, 1000), 3)]


@pytest.mark.parametrize(
    ("shape", "names", "message"),
    [
        ((1, 10), None, r"predictions of shape \(N, 1000\), got \(1, 10\); give class_names"),
        ((1, 4), NAMES, r"predictions of shape \(N, 3\), got \(1, 4\)"),
        ((3,), NAMES, r"predictions of shape \(N, 3\), got \(3,\)"),
    ],
)
def test_a_shape_that_does_not_fit_the_classes_is_refused(shape, names, message):
    with pytest.raises(UserError, match=message):
        decode_predictions(np.zeros(shape), class_names=names)
