import collections
import json

import numpy as np
import pytest

from larq_el import zoo
from larq_el._keras import keras, tf
from larq_el.data.augmentation import augment, central
from larq_el.data.image_size import image_size_of
from larq_el.data.policy import Augmentation
from larq_el.errors import UserError
from larq_el.training import load_dataset, train
from larq_el.training.optimizers import learning_rate_schedule
from larq_el.zoo.recipes import ELASTIC_LINK, RECIPES, Recipe, Schedule, Stage

SIZE = {"image_size": (32, 32)}


def model(classes=10):
    keras.utils.set_random_seed(7)
    return zoo.create_model("el_resnet26", input_shape=(32, 32, 3), classes=classes, width=0.125)


def test_the_embedded_set_needs_no_download():
    digits = load_dataset()
    assert (digits.train_size, digits.test_size, len(digits.class_names)) == (1437, 360, 10)
    image, label = next(digits.train.as_numpy_iterator())
    assert (image.shape, image.dtype, label.dtype) == ((32, 32, 3), np.uint8, np.int64)
    images, labels = digits.samples(20, (32, 32))
    assert images.shape == (20, 32, 32, 3)
    assert labels.shape == (20,)


def test_an_epoch_holds_every_image_once(few):
    labels = np.concatenate([y for _, y in few.epoch(3, batch_size=50, seed=1, **SIZE).as_numpy_iterator()])
    expected = [label for _, label in few.train.as_numpy_iterator()]
    assert collections.Counter(labels) == collections.Counter(expected)


def test_equal_arguments_give_equal_batches_and_other_epochs_others(few):
    def first(epoch, seed):
        return next(few.epoch(epoch, batch_size=32, seed=seed, **SIZE).as_numpy_iterator())[0]

    np.testing.assert_array_equal(first(0, 5), first(0, 5))
    assert not np.array_equal(first(0, 5), first(1, 5))
    assert not np.array_equal(first(0, 5), first(0, 6))


@pytest.mark.parametrize(("height", "width"), [(32, 32), (20, 40), (300, 200)])
@pytest.mark.parametrize("size", [(32, 32), (96, 96), (64, 128)])
def test_crops_have_the_size_that_was_asked_for(height, width, size):
    image = tf.constant(np.full((height, width, 3), 200, np.uint8))
    for crop in (augment(image, size, tf.constant([0, 1])), central(image, size)):
        assert crop.shape == (*size, 3)
        # a resized constant is constant, and padding is black
        assert np.all((np.abs(crop - 200) < 1e-2) | (crop.numpy() == 0))
    assert np.all(np.abs(central(image, size) - 200) < 1e-2)


def test_large_images_are_resized_to_256_224ths_of_the_crop():
    # the left half is black: a centred crop keeps the edge in its middle
    image = np.zeros((256, 512, 3), np.uint8)
    image[:, 256:] = 255
    crop = central(tf.constant(image), (224, 224)).numpy()
    np.testing.assert_array_equal(crop[:, :112], 0)
    np.testing.assert_array_equal(crop[:, 112:], 255)


def test_an_image_is_mirrored_only_where_it_keeps_its_class():
    ramp = np.tile(np.arange(32, dtype=np.uint8)[None, :, None], (32, 1, 3))
    seeds = [tf.constant([0, key]) for key in range(20)]

    def mirrored(flip):
        return sum(
            bool(crop[16, 10, 0] > crop[16, 20, 0])
            for crop in (augment(ramp, (32, 32), s, Augmentation(flip=flip)) for s in seeds)
        )

    assert mirrored(False) == 0
    assert 0 < mirrored(True) < 20


def test_the_learning_rate_drops_at_50_and_80_percent():
    rate = learning_rate_schedule(ELASTIC_LINK.stages[0], 1000)
    rates = [float(rate(step)) for step in (0, 499, 500, 799, 800)]
    np.testing.assert_allclose(rates, [1e-3, 1e-3, 1e-4, 1e-4, 1e-5], rtol=1e-6)


def test_the_recipe_is_the_papers():
    (stage,) = RECIPES["elastic_link"].stages
    assert stage == Stage("train", 100, 256, 1e-3, schedule=Schedule("steps", (0.5, 0.8), 0.1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "epochs must be above 0, got 0"),
        ({"batch_size": -1}, "batch_size must be above 0, got -1"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0, got nan"),
        ({"schedule": {"drops": (0.5, 1.5)}}, "drops must be fractions between 0 and 1"),
    ],
)
def test_a_recipe_refuses_what_cannot_be_trained(arguments, message):
    with pytest.raises(UserError, match=message):
        Stage(**{**arguments, "schedule": Schedule(**arguments.get("schedule", {}))})


def test_an_interrupted_training_continues_exactly(few, tmp_path, monkeypatch):
    recipe = Recipe("short", (Stage(epochs=3, batch_size=64, schedule=Schedule(drops=(0.5,))),))
    straight = model()
    expected = train(straight, few, recipe, tmp_path / "straight", verbose=0)
    assert [row["epoch"] for row in expected.metrics] == [1, 2, 3]

    epoch = type(few).epoch

    def interrupted(self, number, **arguments):
        if number == 1:
            raise KeyboardInterrupt
        return epoch(self, number, **arguments)

    monkeypatch.setattr(type(few), "epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(model(), few, recipe, tmp_path / "resumed", verbose=0)
    monkeypatch.undo()
    keras.utils.set_random_seed(99)  # whatever a new process starts with
    resumed = zoo.create_model("el_resnet26", input_shape=(32, 32, 3), classes=10, width=0.125)
    result = train(resumed, few, recipe, tmp_path / "resumed", resume=True, verbose=0)
    assert result.metrics == expected.metrics
    for ours, theirs in zip(resumed.get_weights(), straight.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    saved = keras.models.load_model(result.model_path, compile=False)
    images, _ = few.samples(8, (32, 32))
    np.testing.assert_array_equal(saved.predict_on_batch(images), straight.predict_on_batch(images))


def test_a_folder_is_not_trained_over(few, tmp_path):
    recipe = Recipe("short", (Stage(epochs=1, batch_size=128),))
    with pytest.raises(UserError, match="there is no training to resume in"):
        train(model(), few, recipe, tmp_path / "run", resume=True)
    train(model(), few, recipe, tmp_path / "run", verbose=0)
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert settings["stages"][0]["batch_size"] == 128
    with pytest.raises(UserError, match="exists and is not empty; resume the training there"):
        train(model(), few, recipe, tmp_path / "run")
    with pytest.raises(UserError, match="was started with stages.train.batch_size 128, not 64; resume it with its own"):
        train(model(), few, recipe.changed(batch_size=64), tmp_path / "run", resume=True)


def test_the_classes_have_to_be_those_of_the_data(few, tmp_path):
    with pytest.raises(UserError, match="has 5 classes and 'digits' has 10; build the model with classes=10"):
        train(model(classes=5), few, ELASTIC_LINK, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_finite_stops_the_training(few, tmp_path):
    broken = model()
    broken.get_layer("logits").bias.assign([np.nan] * 10)
    with pytest.raises(UserError, match="the loss of epoch 1 is nan"):
        train(broken, few, Recipe("short", (Stage(epochs=2, batch_size=128),)), tmp_path / "run", verbose=0)


def test_where_the_loss_stops_being_finite_the_last_good_network_is_kept(few, tmp_path):
    from larq_el.training.networks import start_from

    class Break(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.network.get_layer("logits").bias.assign([np.nan] * 10)

    recipe = Recipe("short", (Stage(epochs=2, batch_size=64, learning_rate=0.01),))
    with pytest.raises(
        UserError, match=r"the loss of epoch 2 is nan after 1 steps; start another training from '(.*last_good.keras)' "
    ) as caught:
        train(model(), few, recipe, tmp_path / "run", verbose=0, callbacks=[Break()])
    assert "(--weights) with a lower learning rate than 0.01" in str(caught.value)
    again = model()
    start_from(again, tmp_path / "run" / "train" / "last_good.keras")
    assert all(np.isfinite(weight).all() for weight in again.get_weights())
    # what was good is what the last checkpoint holds: the training goes on from there too
    result = train(model(), few, recipe, tmp_path / "run", resume=True, verbose=0)
    assert [row["epoch"] for row in result.metrics] == [1, 2]


def test_logs_for_tensorboard(few, tmp_path, monkeypatch):
    recipe = Recipe("short", (Stage(epochs=1, batch_size=64),))
    train(model(), few, recipe, tmp_path / "run", verbose=0, tensorboard=True)
    assert list((tmp_path / "run" / "train" / "tensorboard" / "validation").glob("events.*"))
    monkeypatch.setattr("larq_el.training.loop.find_spec", lambda name: None)
    with pytest.raises(UserError, match="logs for TensorBoard need it: pip install tensorboard, or leave them out"):
        train(model(), few, recipe, tmp_path / "other", tensorboard=True)


def test_an_unknown_data_set_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match="TensorFlow Datasets has no data set 'no_such_set'"):
        load_dataset("no_such_set", str(tmp_path))


def test_models_of_unknown_size_cannot_be_fed():
    image = keras.Input((None, None, 3))
    with pytest.raises(UserError, match=r"must take one RGB image of fixed size, \(N, H, W, 3\), and takes"):
        image_size_of(keras.Model(image, image))
