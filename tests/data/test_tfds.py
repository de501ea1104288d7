"""Sets of TensorFlow Datasets of every shape, made here: nothing is downloaded."""

import numpy as np
import pytest

from larq_el._keras import keras
from larq_el.data import tfds as ours
from larq_el.data.load import load_dataset
from larq_el.errors import UserError

tfds = pytest.importorskip("tensorflow_datasets")


def dataset(folder, image, label, *, shape=(8, 6, 3), splits=("train", "test"), labels=None, pixels=None):
    """The name of a set with ten images a split, and where it is."""

    class Made(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")
        name = "made"
        pkg_dir_path = folder

        def _info(self):
            features = tfds.features.FeaturesDict({"image": image, "label": label})
            return tfds.core.DatasetInfo(builder=self, features=features, disable_shuffling=True)

        def _split_generators(self, manager):
            return {split: self._generate_examples() for split in splits}

        def _generate_examples(self):
            random = np.random.default_rng(0)
            for at in range(10):
                values = labels or list(range(10))
                image = pixels(at) if pixels else random.integers(0, 256, shape, np.uint8)
                yield at, {"image": image, "label": values[at]}

    return Made(data_dir=str(folder))


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Loads a set that is made of features."""

    def load(image=None, label=None, *, split=None, test_split=None, **options):
        image = image or tfds.features.Image(shape=options.get("shape", (8, 6, 3)))
        builder = dataset(tmp_path, image, label or tfds.features.ClassLabel(num_classes=10), **options)
        monkeypatch.setattr(tfds, "builder", lambda name, data_dir: builder)
        return load_dataset("made", str(tmp_path), split=split, test_split=test_split)

    return load


def first(data):
    (images, labels) = next(iter(data.test_batches(image_size=(8, 6)).as_numpy_iterator()))
    return images, labels


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_of_other_channels_become_rgb(made, channels):
    images, labels = first(made(shape=(8, 6, channels)))
    assert images.shape == (10, 8, 6, 3)
    assert labels.tolist() == list(range(10))


def test_alpha_is_left_out_and_grey_is_repeated():
    image = np.arange(2 * 2 * 4, dtype=np.uint8).reshape(2, 2, 4)
    np.testing.assert_array_equal(ours.rgb(image), image[..., :3])
    for channels in (1, 2):
        np.testing.assert_array_equal(ours.rgb(image[..., :channels]), np.repeat(image[..., :1], 3, -1))


def test_channels_that_come_first_come_last(made):
    images, _ = first(made(tfds.features.Tensor(shape=(3, 8, 6), dtype=np.uint8), shape=(3, 8, 6)))
    assert images.shape == (10, 8, 6, 3)
    image = np.arange(3 * 5 * 6, dtype=np.uint8).reshape(3, 5, 6)
    np.testing.assert_array_equal(ours.rgb(image), np.moveaxis(image, 0, -1))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (tfds.features.Tensor(shape=(8, 6, 7), dtype=np.uint8), r"have shape \(8, 6, 7\); they must be \(H, W, C\) or"),
        (tfds.features.Tensor(shape=(8, 6), dtype=np.uint8), r"have shape \(8, 6\); they must be"),
        (tfds.features.Tensor(shape=(8, 6, 3), dtype=np.float32), "are float32; they must be uint8, from 0 to 255"),
    ],
)
def test_images_of_no_channels_are_refused(made, image, message):
    with pytest.raises(UserError, match=message):
        made(image, shape=image.shape)


def test_integers_and_texts_are_classes_by_what_they_are(made, tmp_path):
    data = made(label=tfds.features.Scalar(np.int64), labels=[7, 7, 30, 5, 5, 7, 30, 5, 7, 5])
    assert data.class_names == ("5", "7", "30")
    assert first(data)[1].tolist() == [1, 1, 2, 0, 0, 1, 2, 0, 1, 0]


def test_texts_are_classes(made):
    data = made(label=tfds.features.Text(), labels=["cat", "dog", "ape", "dog"] + 6 * ["cat"])
    assert data.class_names == ("ape", "cat", "dog")
    assert first(data)[1].tolist()[:4] == [1, 2, 0, 2]


@pytest.mark.parametrize(
    ("label", "labels", "message"),
    [
        (tfds.features.Scalar(np.float32), [0.5] * 10, "are float32, which are no classes"),
        (tfds.features.Scalar(np.int64), [-1] * 10, "has the label -1, which stands for images without one"),
        (tfds.features.Sequence(tfds.features.ClassLabel(num_classes=3)), [[0, 1]] * 10, "have several labels each"),
        (
            tfds.features.Tensor(shape=(4,), dtype=np.int64),
            [[0, 1, 0, 1]] * 10,
            r"several labels each, of shape \(4,\)",
        ),
    ],
)
def test_labels_that_are_no_classes_are_refused(made, label, labels, message):
    with pytest.raises(UserError, match=message):
        made(label=label, labels=labels)


MINUS_ONE = "data set 'made' has a label that names no class, -1, the mark of an image without one; there are the"


# the last of ten labels is -1: in the first case that of the training split alone, in the second that of the test split
@pytest.mark.parametrize("given", [{"test_split": "test[:50%]"}, {"split": "train[:50%]"}])
def test_minus_one_of_a_set_with_names_is_refused(made, given):
    with pytest.raises(UserError, match=MINUS_ONE):
        made(labels=[0] * 9 + [-1], **given)


def test_minus_one_of_a_large_set_is_refused_where_it_is_read(made, tmp_path, monkeypatch):
    monkeypatch.setattr(ours, "LOOKED_THROUGH", 0)
    data = made(labels=[-1] * 10)
    with pytest.raises(UserError, match=MINUS_ONE):
        data.samples(5, (8, 6))
    from larq_el import zoo
    from larq_el.training import train
    from larq_el.zoo.recipes import Recipe, Stage

    keras.utils.set_random_seed(0)
    model = zoo.ELResNet18(input_shape=(32, 32, 3), classes=10, width=0.0625)
    with pytest.raises(UserError, match="has a label that names no class"):
        train(model, data, Recipe("short", (Stage(epochs=1, batch_size=5),)), tmp_path / "run", verbose=0)


def test_a_train_split_alone_can_be_divided(made):
    with pytest.raises(UserError, match=r"and has train; name parts .*: --split 'train\[:90%\]' --test-split"):
        made(splits=("train",))
    data = made(splits=("train",), split="train[:80%]", test_split="train[80%:]")
    assert (data.train_size, data.test_size) == (8, 2)
    assert len(first(data)[1]) == 2


@pytest.mark.parametrize("split", ["nothing", "train[", "train[:200%]"])
def test_a_split_that_is_not_there_is_named(made, split):
    with pytest.raises(UserError, match="data set 'made' has no split '.*; it has test, train, and parts"):
        made(split=split)


def test_a_part_without_examples_is_refused(made):
    with pytest.raises(UserError, match="split 'train.:0%.' of data set 'made' has no examples"):
        made(split="train[:0%]")


def test_the_digits_have_no_splits():
    with pytest.raises(UserError, match="the digits have no named splits"):
        load_dataset("digits", split="train")


def numbered(made, **options):
    """A set whose images tell their numbers: their first pixel is 20 times that."""
    return made(pixels=lambda at: np.full((8, 6, 3), at * 20, np.uint8), **options)


@pytest.mark.parametrize(
    ("given", "sizes"),
    [
        ({"split": "train[:80%]"}, (8, 2)),
        ({"split": "train[3:]"}, (7, 3)),
        ({"test_split": "train[90%:]"}, (9, 1)),
        ({"split": "train[:50%]", "test_split": "train[80%:]"}, (5, 2)),
        ({"split": "train[:50%]+train[60%:]", "test_split": "train[50%:60%]"}, (9, 1)),
    ],
)
def test_what_is_not_named_is_the_rest_and_no_image_is_in_both(made, given, sizes):
    data = numbered(made, splits=("train",), **given)
    trained, tested = ({int(image[0, 0, 0]) // 20 for image, _ in part} for part in (data.train, data.test))
    assert (len(trained), len(tested)) == sizes == (data.train_size, data.test_size)
    assert not trained & tested


def test_a_set_with_a_test_split_keeps_it(made):
    assert made().splits is None
    assert made(split="train[:50%]").splits == ("train[:50%]", "test")
    assert made(test_split="test[:50%]").splits == ("train", "test[:50%]")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"split": "train", "test_split": "train[:10%]"},
            r"splits 'train' and 'train\[:10%\]' .* have images in common",
        ),
        ({"split": "train[:60%]+test", "test_split": "test"}, "have images in common; test on others than are trained"),
        ({"split": "train+test"}, r"what is not in split 'train\+test' of data set 'made' cannot be told; name both"),
        ({"split": "train[90%:80%]"}, "has no examples"),
        ({"split": ""}, "has no split ''"),
    ],
)
def test_images_are_not_trained_and_tested_on(made, given, message):
    with pytest.raises(UserError, match=message):
        made(**given)


@pytest.mark.parametrize("given", [{"split": "train[:50%]"}, {"test_split": "train[50%:]"}])
def test_each_part_of_a_split_has_the_classes_of_the_whole(made, given):
    data = made(label=tfds.features.Text(), labels=list("aaaaaaaabc"), splits=("train",), **given)
    assert data.class_names == ("a", "b", "c")


def test_a_label_beyond_the_classes_is_named(made):
    class Loose(tfds.features.ClassLabel):
        def encode_example(self, example_data):  # any number, as records of another writer hold
            return example_data

    with pytest.raises(UserError, match="names no class, 7; there are the classes 0 to 2: name splits with labels"):
        made(label=Loose(num_classes=3), labels=[0, 1, 2, 7] + [0] * 6)


def test_other_errors_of_tensorflow_stay_what_they_are():
    from larq_el._keras import tf
    from larq_el.data.reading import reading_errors

    with pytest.raises(tf.errors.InvalidArgumentError, match="other"), reading_errors("made"):
        raise tf.errors.InvalidArgumentError(None, None, "other")


def test_a_training_and_its_evaluation_know_their_splits(made, tmp_path):
    from dataclasses import replace

    from larq_el import evaluation
    from larq_el.data.samples import load_samples
    from larq_el.training import train
    from larq_el.zoo.recipes import Recipe, Stage

    data = made(splits=("train",), split="train[:80%]")
    image = keras.Input((8, 6, 3))
    model = keras.Model(image, keras.layers.Dense(10, activation="softmax")(keras.layers.Flatten()(image)))
    recipe = Recipe("short", (Stage(epochs=1, batch_size=4),))
    train(model, data, recipe, tmp_path / "run", verbose=0)
    with pytest.raises(UserError, match=r"was started with splits \['train\[:80%\]', 'train\[80%:\]'\], not"):
        train(model, replace(data, splits=("train[:50%]", "train[50%:]")), recipe, tmp_path / "run", resume=True)
    predictor = evaluation.keras_predictor(model)
    assert evaluation.evaluate(predictor, "made", split="train[80%:]")[1] == 2
    with pytest.raises(UserError, match="name parts of what there is"):
        evaluation.evaluate(predictor, "made")
    with pytest.raises(UserError, match="a file of samples has no splits, got 'train'; leave out --split"):
        evaluation.evaluate(predictor, "some.npz", split="train")
    # what measures no accuracy takes the images that there are
    (images,), _ = load_samples("made", ["image"], 5, image_shape=(None, 8, 6, 3))
    assert images.shape == (5, 8, 6, 3)


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int64])
def test_labels_of_any_integer_type_are_classes(made, dtype):
    data = made(label=tfds.features.Scalar(dtype), labels=[0, 1] * 5)
    assert data.class_names == (("False", "True") if dtype is np.bool_ else ("0", "1"))
    _, labels = data.samples(10, (8, 6))
    assert labels.tolist() == [0, 1] * 5


def test_names_that_are_not_utf8_are_classes(made):
    data = made(label=tfds.features.Text(), labels=[b"caf\xe9", b"th\xe9"] * 5)
    assert data.class_names == ("caf\\xe9", "th\\xe9")


@pytest.mark.parametrize("damage", ["lost", "cut", "changed"])
def test_damaged_records_are_a_sentence(made, tmp_path, damage):
    made()
    record = next(path for path in tmp_path.rglob("*tfrecord*") if "train" in path.name)
    content = record.read_bytes()
    if damage == "lost":
        record.unlink()
    else:
        record.write_bytes(content[:100] if damage == "cut" else content[:40] + b"\xff" * 8 + content[48:])
    with pytest.raises(
        UserError, match="the files of data set 'made' are damaged .*; prepare it again, or copy it anew"
    ):
        made()


def test_a_damaged_image_of_a_record_is_a_sentence(made):
    """Found in the middle of an epoch, in whatever TensorFlow decodes."""
    data = made(pixels=lambda at: np.zeros((8, 6, 3), np.uint8))
    from dataclasses import replace

    broken = replace(data, train=data.train.map(lambda image, label: (b"no image", label)), decode=ours_decode)
    from larq_el.data.reading import reading_errors

    epoch = broken.epoch(0, image_size=(8, 6), batch_size=2, seed=0)
    with pytest.raises(UserError, match="the files of data set 'made' are damaged"), reading_errors("made"):
        list(epoch)


def ours_decode(image):
    from larq_el._keras import tf

    return tf.ensure_shape(tf.io.decode_image(image, channels=3, expand_animations=False), (None, None, 3))
