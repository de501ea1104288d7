"""Files that are fine load: what only training needs, operators, the user's own classes and functions, vocabularies."""

import sys

import numpy as np
import pytest

from larq_el._keras import keras, lq, tf
from larq_el.convert import load_model

OWN = """
import os
from larq_el._keras import keras, lq, tf

@keras.utils.register_keras_serializable("mine")
class Widen(keras.layers.Layer):
    def __init__(self, filters, units=0, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.units = filters, units

    def call(self, inputs):
        return inputs * 2.0

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "units": self.units}

class Plain(keras.layers.Layer):
    def call(self, inputs):
        return inputs + 1.0

class Half(lq.quantizers.SteSign):
    pass

def my_relu(x):
    return tf.nn.relu(x) * 0.5

def my_loss(y, predicted):
    return tf.reduce_mean(y - predicted)

class Metric(keras.metrics.Mean):
    pass

class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.1

    def get_config(self):
        return {}
"""


@pytest.fixture
def own(tmp_path):
    """A user's module, that the file of a model needs; Keras forgets it when it is called."""
    from larq_el.models.custom_objects import import_custom_objects

    path = tmp_path / "own_parts.py"
    path.write_text(OWN)
    before = dict(keras.utils.get_custom_objects())
    import_custom_objects([str(path)])

    def forget():
        keras.utils.get_custom_objects().clear()
        keras.utils.get_custom_objects().update(before)
        return sys.modules.pop("own_parts", None)

    yield sys.modules["own_parts"], forget, path
    forget()


@pytest.fixture(params=["keras", "h5"])
def saved(request, tmp_path):
    def save(model):
        path = tmp_path / f"model.{request.param}"
        if path.suffix == ".h5":
            with pytest.warns(UserWarning, match="HDF5"):
                model.save(path)
        else:
            model.save(path)
        return path

    return save


def same(model, loaded):
    values = np.random.default_rng(0).normal(size=(2, *model.input_shape[1:])).astype("float32")
    outputs = (tf.nest.flatten(any_model(values)) for any_model in (model, loaded))
    for one, other in zip(*outputs, strict=True):
        np.testing.assert_array_equal(one, other)


def dense(image, **options):
    return keras.layers.Dense(3, **options)(image)


@pytest.mark.filterwarnings("ignore:.*lambda.*:UserWarning")
@pytest.mark.parametrize("what", ["loss", "metric", "schedule", "lambda", "a nested model's"])
def test_what_only_training_needs_is_left_out(what, own, saved):
    module, forget, _ = own
    image = keras.Input((4,))
    options = {
        "loss": {"loss": module.my_loss},
        "metric": {"loss": "mse", "metrics": [module.Metric()]},
        "schedule": {"loss": "mse", "optimizer": keras.optimizers.SGD(module.Schedule())},
        "lambda": {"loss": lambda y, predicted: y - predicted},
    }
    model = keras.Model(image, dense(image))
    if what in options:
        model.compile(**options[what])
    else:
        model.compile(**options["loss"])
        model = keras.Model(image, model(image))
    path = saved(model)
    forget()
    loaded = load_model(path)
    assert loaded.optimizer is None
    same(model, loaded)


def test_operators_between_layers_load(saved):
    image = keras.Input((8, 8, 4))
    x = tf.nn.relu(image * 2.0 + 1.0)[:, :4] / 3.0 - 1.0
    x = tf.concat([x, -tf.abs(x)], axis=-1)
    x = tf.reshape(tf.pad(x, [[0, 0], [1, 1], [0, 0], [0, 0]]), [-1, 6, 64])
    x = tf.reduce_mean(x, axis=1, keepdims=True) ** 2
    x = x + tf.ones(tf.shape(x)) + keras.backend.mean(x)
    x = keras.activations.relu(tf.cast(x > 0.5, "float32") @ tf.ones((64, 3)))
    model = keras.Model(image, [x, tf.unstack(image, axis=1)[0]])
    same(model, load_model(saved(model)))


def test_shared_layers_and_states_load(saved):
    image = keras.Input((5, 4))
    outputs, state, cell = keras.layers.LSTM(4, return_sequences=True, return_state=True)(image)
    x = keras.layers.LSTM(4)(outputs, initial_state=[state, cell])
    shared = keras.layers.Dense(4)
    inner = keras.Sequential([keras.layers.Dense(4)])
    model = keras.Model(image, shared(inner(shared(inner(x)))))
    same(model, load_model(saved(model)))


def test_a_users_classes_and_functions_load(own, saved):
    module, forget, path = own
    image = keras.Input((8, 8, 4))
    x = module.Widen(filters=10_000, units=20_000)(image)
    x = lq.layers.QuantConv2D(
        4, 3, input_quantizer=module.Half(), kernel_quantizer="ste_sign", activation=module.my_relu
    )(x)
    model = keras.Model(image, dense(module.Plain()(x), activation=tf.nn.silu))
    file = saved(model)
    forget()
    same(model, load_model(file, imports=[str(path)]))


def test_a_class_that_a_program_registers_itself_loads(own, saved):
    module, _, _ = own
    image = keras.Input((4,))
    model = keras.Model(image, module.Widen(3)(image))
    same(model, load_model(saved(model)))


def test_an_adapted_vocabulary_loads(tmp_path):
    text = keras.Input((1,), dtype="string")
    layer = keras.layers.TextVectorization(output_sequence_length=2)
    layer.adapt(tf.constant(["a b", "b c"]))
    keras.Model(text, layer(text)).save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(tf.constant([["c b"]])), layer(tf.constant([["c b"]])))
