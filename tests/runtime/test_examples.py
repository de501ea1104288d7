"""examples/classify.py: the same crop and preprocessing as in training, and a sentence for each mistake."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import models
import numpy as np
import pytest

from larq_el.convert import convert
from larq_el.data.augmentation import central
from larq_el.data.policy import IMAGENET_MEAN
from larq_el.data.preprocessing import preprocess_input
from larq_el.runtime import Interpreter

EXAMPLE = Path(__file__).parents[2] / "examples" / "classify.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("classify", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.tflite"
    path.write_bytes(convert(models.residual()).flatbuffer)
    return path


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image.npy"
    np.save(path, pixels(40, 33))
    return path


def pixels(height, width):
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)


def test_the_mean_is_that_of_the_zoo(example):
    assert example.MEAN == IMAGENET_MEAN


@pytest.mark.parametrize("size", [(16, 16), (32, 24), (64, 64), (96, 64)])
@pytest.mark.parametrize("shape", [(40, 33), (150, 210), (64, 64)])
def test_the_crop_is_that_of_training(example, shape, size):
    image = pixels(*shape)
    wanted = central(image, size).numpy()
    got = example.central(image, size)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, wanted, atol=1e-2)


def test_images_are_read(example, tmp_path):
    image = pixels(3, 5)
    np.save(tmp_path / "image.npy", image)
    (tmp_path / "image.ppm").write_bytes(b"P6\n# by hand\n5 3\n255\n" + image.tobytes())
    Image = pytest.importorskip("PIL.Image")
    Image.fromarray(image).save(tmp_path / "image.png")
    for suffix in ("npy", "ppm", "png"):
        np.testing.assert_array_equal(example.read_image(tmp_path / f"image.{suffix}"), image)


def test_pixels_that_look_like_white_space_are_pixels(example, tmp_path):
    (tmp_path / "image.ppm").write_bytes(b"P6 1 1 255\n\n\n\n")
    assert example.read_image(tmp_path / "image.ppm").tolist() == [[[10, 10, 10]]]


def test_the_best_classes_are_printed(example, model, image, tmp_path, capsys):
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"name {i}\n" for i in range(10)))
    assert example.main([str(model), str(image), "--labels", str(labels), "--top", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    samples = preprocess_input(central(np.load(image), (16, 16)).numpy()[None])
    (scores,) = Interpreter(model).predict(samples)
    best = np.argsort(-scores)[:3]
    assert [line.split("  ")[-1] for line in lines] == [f"name {i}" for i in best]
    np.testing.assert_allclose([float(line.split("  name")[0]) for line in lines], scores[best], rtol=1e-3, atol=1e-3)


def test_numbers_stand_for_names(example, model, image):
    best = example.classify(model, image, None, top=10, num_threads=2)
    assert sorted(name for name, _ in best) == [f"class {i}" for i in range(10)]


def test_no_tensorflow_is_loaded(model, image):
    code = f"""
import runpy, sys
sys.argv = [{str(EXAMPLE)!r}, {str(model)!r}, {str(image)!r}]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    assert end.code == 0
assert not {{"tensorflow", "larq", "larq_el.zoo"}} & set(sys.modules)
"""
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLE.parents[1])}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.npy", None, "cannot read the image '.*none.npy': .*No such file"),
        ("bad.npy", b"text", "cannot read the image"),
        ("bad.ppm", b"P5 1 1 255\n\0", "does not begin like a binary PPM"),
        ("deep.ppm", b"P6 1 1 65535\n\0\0\0\0\0\0", "does not begin like a binary PPM"),
        ("short.ppm", b"P6 2 1 255\n\0\0\0", "6 bytes of pixels should follow its header, not 3"),
        ("empty.ppm", b"P6 0 1 255\n", r"must hold uint8 of shape \(H, W, 3\), got uint8 of \(1, 0, 3\)"),
    ],
)
def test_images_that_cannot_be_read(example, tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        example.read_image(tmp_path / name)


def test_other_formats_need_pillow(example, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ValueError, match=r"without Pillow only .npy and .ppm are read"):
        example.read_image(tmp_path / "image.jpg")


def test_labels_that_do_not_fit(example, model, image, tmp_path, capsys):
    labels = tmp_path / "labels.txt"
    labels.write_text("one\ntwo\n")
    with pytest.raises(ValueError, match=r"labels.txt' names 2 classes, and the model has 10"):
        example.read_labels(labels, 10)
    with pytest.raises(ValueError, match="cannot read the labels .*: No such file"):
        example.read_labels(tmp_path / "none.txt", 10)
    assert example.main([str(model), str(image), "--labels", str(labels)]) == 2
    assert "names 2 classes" in capsys.readouterr().err


def test_models_that_classify_no_images(example, image, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(convert(models.fixed_batch()).flatbuffer)
    with pytest.raises(ValueError, match=r"the model takes \(1, 4, 4, 32\), not images"):
        example.classify(path, image, None, top=1, num_threads=1)
    from larq_el._keras import keras

    x = keras.Input((8, 8, 3))
    path.write_bytes(convert(keras.Model(x, keras.layers.Conv2D(2, 3)(x))).flatbuffer)
    with pytest.raises(ValueError, match=r"the model must have one output, \(N, classes\)"):
        example.classify(path, image, None, top=1, num_threads=1)
