"""Folders of images: their layouts, their formats, and what is wrong with them."""

import io
import shutil

import numpy as np
import pytest
from PIL import Image

from larq_el._keras import tf
from larq_el.cli.app import group
from larq_el.cli.exit import run
from larq_el.data.augmentation import augment, central
from larq_el.data.folder import image_folder
from larq_el.data.image_files import list_images, model_input, read_image
from larq_el.data.load import load_dataset
from larq_el.data.policy import IMAGENET_MEAN, Augmentation
from larq_el.errors import UserError

RED, GREEN = (250, 10, 10), (10, 250, 10)


def write(path, colour=RED, size=(40, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def folder(tmp_path):
    """Ten red and ten green images to train on, two of each to test on."""
    for split, count in (("train", 10), ("val", 2)):
        for name, colour in (("red", RED), ("green", GREEN)):
            for number in range(count):
                write(tmp_path / "images" / split / name / f"{number}.png", colour)
    return tmp_path / "images"


def colours(dataset, image_size=(8, 8)):
    """The images of a data set as (class, is it red)."""
    images, labels = dataset.samples(None, image_size)
    return [
        (dataset.class_names[label], bool(image[4, 4, 0] > image[4, 4, 1]))
        for image, label in zip(images, labels, strict=True)
    ]


@pytest.mark.parametrize("name", ["test", "val", "validation"])
def test_splits_in_folders_of_their_own(folder, name):
    (folder / "val").rename(folder / name)
    data = load_dataset(str(folder))
    assert (data.train_size, data.test_size, data.class_names) == (20, 4, ("green", "red"))
    assert sorted(colours(data)) == [("green", False)] * 2 + [("red", True)] * 2
    (images, labels) = next(data.epoch(0, image_size=(16, 16), batch_size=20, seed=0).as_numpy_iterator())
    red = images[:, 8, 8, 0] > images[:, 8, 8, 1]
    assert red.tolist() == (labels == 1).tolist()


def test_one_folder_of_classes_keeps_a_tenth_of_each(folder):
    data = image_folder(folder / "train")
    assert (data.train_size, data.test_size) == (18, 2)
    assert sorted(colours(data)) == [("green", False), ("red", True)]
    held = load_dataset(str(folder / "train"), validation=0.25)
    assert (held.train_size, held.validation_size, held.test_size) == (13, 5, 2)
    assert held.source == {"name": str((folder / "train").absolute()), "validation": 0.25}
    assert load_dataset(**held.source).train_size == 13


def test_held_out_images_are_others_than_those_trained_on(folder):
    for number, path in enumerate(sorted((folder / "train").rglob("*.png"))):
        write(path, (number, number, number))
    data = image_folder(folder / "train").held_out(0.2)
    parts = [
        {int(image[0, 0, 0]) for image, _ in part.map(lambda x, y: (data.decode(x), y)).as_numpy_iterator()}
        for part in (data.train, data.validation, data.test)
    ]
    assert set.union(*parts) == set(range(20))
    assert sum(map(len, parts)) == 20
    assert [len(part) for part in parts] == [data.train_size, data.validation_size, data.test_size]


@pytest.mark.parametrize("part", [0.0, -1, 0.7, float("nan")])
def test_a_validation_part_that_cannot_be_is_a_sentence(folder, part):
    with pytest.raises(UserError, match="the validation part must be above 0 and at most 0.5 of the training images"):
        image_folder(folder).held_out(part)


def test_too_few_images_to_hold_any_out(folder):
    with pytest.raises(UserError, match="0.01 of the 20 training images of .* is less than one image"):
        image_folder(folder).held_out(0.01)
    with pytest.raises(UserError, match="the number of images must be at least 1, got 0"):
        image_folder(folder).few(0)


def test_folders_that_hold_no_classes_are_sentences(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="'.*empty' has no folders of images .*; make a folder for each class"):
        image_folder(tmp_path / "empty")
    shutil.rmtree(folder / "val" / "red")
    with pytest.raises(UserError, match="images of one class alone, 'green'; a classifier needs two"):
        image_folder(folder)
    write(folder / "val" / "blue" / "0.png")
    with pytest.raises(UserError, match="class 'blue' has images in '.*val' and none in '.*train'; both must have"):
        image_folder(folder)
    shutil.rmtree(folder / "val")
    with pytest.raises(UserError, match="has 'train' and no 'test', 'val', 'validation'; put images to test on"):
        image_folder(folder)
    for path in (folder / "train" / "red").iterdir():
        if path.name != "0.png":
            path.unlink()
    with pytest.raises(UserError, match="class 'red' of folder '.*train' has a single image; add others"):
        image_folder(folder / "train")
    with pytest.raises(UserError, match="there is no folder './none'"):
        load_dataset("./none")
    with pytest.raises(UserError, match="has no named splits; leave out split and test_split"):
        load_dataset(str(folder), split="train")


def test_samples_of_a_folder_of_images_need_no_classes(tmp_path):
    for number in range(3):
        write(tmp_path / "loose" / f"{number}.png")
    images, _ = load_dataset(str(tmp_path / "loose"), any_images=True).samples(2, (8, 8))
    assert images.shape[1:] == (8, 8, 3)


def test_hidden_files_and_other_files_are_left_out(folder):
    (folder / "train" / "red" / ".hidden.png").write_bytes(b"")
    (folder / "train" / "red" / "notes.txt").write_text("red")
    (folder / "train" / ".git").mkdir()
    assert image_folder(folder).train_size == 20
    assert len(list_images(folder)) == 24


@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_a_broken_image_among_good_ones_is_named(folder, content):
    path = folder / "train" / "green" / "3.png"
    path.write_bytes(path.read_bytes()[:60] if content is None else content)
    from larq_el.data.reading import reading_errors

    epoch = image_folder(folder).epoch(0, image_size=(8, 8), batch_size=4, seed=0)
    with (
        pytest.raises(UserError, match=r"image '.*green/3.png' cannot be read \(.*\); repair it, or take it out"),
        reading_errors("images"),
    ):
        list(epoch)


def test_every_kind_of_image_is_read(tmp_path):
    ramp = np.tile(np.arange(0, 240, 8, dtype=np.uint8)[:, None], (1, 20))
    grey = Image.fromarray(ramp)
    colour = Image.merge("RGB", [grey, grey.point(lambda v: v // 2), grey])
    files = {
        "rgb.png": colour,
        "grey.png": grey,
        "alpha.png": Image.merge("RGBA", [*colour.split(), grey]),
        "palette.gif": colour.quantize(),
        "cmyk.jpg": colour.convert("CMYK"),
        "grey.jpg": grey,
        "rgb.webp": colour,
        "rgb.bmp": colour,
        "rgb.tiff": colour,
        "deep.png": Image.fromarray(ramp.astype(np.uint16) << 8),
    }
    for name, image in files.items():
        image.save(tmp_path / name)
        found = read_image(tmp_path / name)
        assert (found.shape, found.dtype) == ((30, 20, 3), np.uint8), name
        assert abs(int(found[15, 10, 0]) - int(ramp[15, 10])) < 12, name


def test_a_photograph_is_turned_as_its_camera_says(tmp_path):
    image = Image.new("RGB", (40, 20), RED)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    image.save(tmp_path / "turned.jpg", exif=exif)
    assert read_image(tmp_path / "turned.jpg").shape == (40, 20, 3)


def test_a_large_photograph_is_read_at_a_part_of_its_size(tmp_path):
    Image.new("RGB", (4000, 3000), RED).save(tmp_path / "large.jpg")
    assert read_image(tmp_path / "large.jpg").shape == (1500, 2000, 3)


def test_an_image_that_unpacks_to_more_than_there_is_memory_for(tmp_path, monkeypatch):
    write(tmp_path / "x.png", size=(100, 100))
    monkeypatch.setattr("larq_el.data.image_files.MOST_PIXELS", 9_999)
    with pytest.raises(UserError, match="100 x 100 pixels are more than 9,999; give a smaller one"):
        read_image(tmp_path / "x.png")


def test_without_pillow_there_is_a_sentence(tmp_path, monkeypatch):
    import builtins

    real = builtins.__import__

    def missing(name, *args, **kwargs):
        if name == "PIL":
            raise ModuleNotFoundError("No module named 'PIL'", name="PIL")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UserError, match="image files are read by Pillow, which is not installed: pip install pillow"):
        read_image(tmp_path / "x.png")


@pytest.mark.parametrize("size", [(32, 32), (64, 64), (96, 128), (224, 224)])
@pytest.mark.parametrize("shape", [(300, 200), (50, 90), (33, 31)])
def test_what_predict_feeds_is_what_tests_feed(tmp_path, size, shape):
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)).resize(shape[::-1], Image.BICUBIC)
    coarse.save(tmp_path / "x.png")
    expected = central(tf.constant(np.asarray(coarse)), size) - tf.constant(IMAGENET_MEAN)
    np.testing.assert_allclose(model_input(tmp_path / "x.png", size)[0], expected, atol=0.5)


def test_resized_crops_cover_what_the_policy_says():
    ramp = np.tile(np.arange(200, dtype=np.uint8)[None, :, None], (200, 1, 3))
    policy = Augmentation("resized", area=(0.25, 0.25), aspect=(1.0, 1.0), flip=False)
    spans = []
    for key in range(10):
        crop = augment(tf.constant(ramp), (64, 64), tf.constant([0, key]), policy).numpy()
        assert crop.shape == (64, 64, 3)
        spans.append(crop[..., 0].max() - crop[..., 0].min())
    # a quarter of the area is half of the width: 100 of 200 columns
    assert 95 < min(spans) <= max(spans) < 101


def test_jitter_and_lighting_change_colours_alone_and_by_the_seed():
    grey = tf.constant(np.full((32, 32, 3), 100, np.uint8))
    centre = (slice(12, 20), slice(12, 20))
    plain = augment(grey, (32, 32), tf.constant([0, 1]), Augmentation(flip=False)).numpy()[centre]
    np.testing.assert_array_equal(plain, 100)
    jittered = [
        augment(grey, (32, 32), tf.constant([0, key]), Augmentation(jitter=0.4, flip=False)).numpy()[centre]
        for key in (1, 1, 2)
    ]
    np.testing.assert_array_equal(jittered[0], jittered[1])
    assert not np.allclose(jittered[0], jittered[2])
    assert all(60 <= one.min() <= one.max() <= 140 for one in jittered)
    lit = augment(grey, (32, 32), tf.constant([0, 1]), Augmentation(lighting=0.1, flip=False)).numpy()[centre]
    shift = lit - 100
    assert 0 < np.abs(shift).max() < 30
    np.testing.assert_allclose(shift, np.broadcast_to(shift[0, 0], shift.shape), atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"crop": "center"}, "crop must be one of shorter_edge, resized, got 'center'"),
        ({"area": (0.5, 0.2)}, "area must be two numbers above 0 in order, at most 1.0"),
        ({"aspect": (0.0, 1.0)}, "aspect must be two numbers above 0 in order"),
        ({"jitter": 1.0}, "jitter must be at least 0 and below 1, got 1.0"),
        ({"lighting": -0.1}, "lighting must be at least 0, got -0.1"),
    ],
)
def test_augmentation_that_cannot_be(arguments, message):
    with pytest.raises(UserError, match=message):
        Augmentation(**arguments)


def test_from_a_folder_of_images_to_a_label_in_four_commands(folder, tmp_path, capsys):
    """train, evaluate, convert, predict: red is told from green."""
    output = tmp_path / "run"
    train = ["train", "el_resnet18", "--dataset", str(folder), "--input-size", "32", "--width", "0.125"]
    assert run(group, [*train, "--epochs", "6", "--batch-size", "5", "--output", str(output), "--json"]) == 0
    assert run(group, ["evaluate", str(output / "model.keras"), "--samples", str(folder)]) == 0
    assert "top-1 100.00% on 4 test images" in capsys.readouterr().out
    flatbuffer = tmp_path / "model.tflite"
    assert run(group, ["convert", str(output / "model.keras"), "-o", str(flatbuffer)]) == 0
    capsys.readouterr()
    image = str(folder / "val" / "red" / "0.png")
    for model in (flatbuffer, output / "model.keras", output / "train" / "best.keras"):
        assert run(group, ["predict", str(model), image, "--json"]) == 0
        out = capsys.readouterr().out
        assert '"name": "red"' in out.split('"score"')[0], model
    assert run(group, ["predict", str(flatbuffer), str(folder / "val"), "--top", "1"]) == 0
    out = capsys.readouterr().out
    assert out.count(" red ") == 2
    assert out.count(" green ") == 2


@pytest.fixture(scope="module")
def flatbuffer(tmp_path_factory):
    from larq_el import zoo
    from larq_el.convert import convert

    model = zoo.create_model("el_resnet18", input_shape=(32, 32, 3), classes=3, width=0.125)
    path = tmp_path_factory.mktemp("m") / "m.tflite"
    convert(model, class_names=["a", "b", "ç"], proof=False).save(path)
    model.save(path.with_suffix(".keras"))
    return path


@pytest.mark.parametrize("float_ops", ["float32", "float16", "int8"])
def test_a_flatbuffer_knows_its_classes_however_it_is_quantized(float_ops, flatbuffer):
    from larq_el.convert import convert, load_model
    from larq_el.tflite.class_names import class_names_of
    from larq_el.tflite.flatbuffer import Flatbuffer

    model = load_model(flatbuffer.with_suffix(".keras"))
    made = convert(model, class_names=["a", "b", "ç"], float_ops=float_ops)
    assert class_names_of(Flatbuffer(made.flatbuffer)) == ["a", "b", "ç"]
    with pytest.raises(UserError, match="there are 2 names of classes, and the model has 3; give one for each"):
        convert(model, class_names=["a", "b"])


@pytest.mark.parametrize("note", [b"", b"{}", b"[1]", b"[" * 100_000, b"\xff"])
def test_notes_that_are_no_names_are_passed_over(note, flatbuffer):
    from larq_el.tflite.class_names import ENTRY, class_names_of
    from larq_el.tflite.editor import Editor
    from larq_el.tflite.flatbuffer import Flatbuffer

    editor = Editor(Flatbuffer(flatbuffer))
    editor._model.metadata = []
    editor.note(ENTRY, note)
    assert class_names_of(editor.finish()) is None


def test_mistakes_of_predict_are_sentences(flatbuffer, folder, tmp_path, capsys):
    image = str(folder / "val" / "red" / "0.png")
    (tmp_path / "two.txt").write_text("a\nb\n")
    (tmp_path / "none.txt").write_text("")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.jpg").write_text("no image")
    keras_model = str(flatbuffer.with_suffix(".keras"))
    cases = {
        (str(flatbuffer), "none.png"): "there is no image 'none.png'",
        (str(flatbuffer), str(tmp_path / "empty")): "there are no images in folder",
        (str(flatbuffer), str(tmp_path / "text.jpg")): "text.jpg' cannot be read (cannot identify image file",
        (str(flatbuffer), image, "--labels", str(tmp_path / "two.txt")): "there are 2 names of classes, and the model",
        (str(flatbuffer), image, "--labels", str(tmp_path / "none.txt")): "none.txt' holds no names of classes",
        (str(flatbuffer), image, "--labels", str(tmp_path / "binary.txt")): "cannot be read ('utf-8' codec can't",
        (str(flatbuffer), image, "--labels", str(tmp_path / "x.txt")): "x.txt' cannot be read (",
        (str(flatbuffer), image, "--width", "0.5"): "is a flatbuffer, with weights and a shape of its own",
        (keras_model, image, "--runtime", "native"): "--runtime is for flatbuffers, and",
        (keras_model,): "Missing argument 'IMAGES...'",
        ("none.keras", image): "there is no file 'none.keras'",
    }
    for args, message in cases.items():
        assert run(group, ["predict", *args]) == 2, args
        error = capsys.readouterr().err
        assert message in error, (args, error)
        assert error.count("\n") == 1


def test_names_of_any_size_are_not_read(tmp_path, monkeypatch):
    from larq_el.tflite.class_names import read_class_names

    monkeypatch.setattr("larq_el.tflite.class_names.MOST_BYTES", 3)
    (tmp_path / "x.txt").write_text("many names")
    with pytest.raises(UserError, match="it is larger than 3 bytes"):
        read_class_names(tmp_path / "x.txt")


def test_predict_reads_a_flatbuffer_without_tensorflow(flatbuffer, folder):
    import subprocess
    import sys

    code = (
        "import sys; from larq_el.cli.app import group; from larq_el.cli.exit import run; "
        f"status = run(group, ['predict', {str(flatbuffer)!r}, {str(folder)!r}, '--runtime', 'native']); "
        "assert 'tensorflow' not in sys.modules; sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert io.StringIO(done.stdout).read().count(".png") == 24
