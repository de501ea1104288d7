import numpy as np
import pytest

from larq_el import zoo
from larq_el._keras import keras, tf
from larq_el.training.distillation import (
    attention_loss,
    attention_map,
    block_ends,
    distillation_loss,
    logits_of,
    shared_ends,
)
from larq_el.training.trainer import Trainer
from larq_el.zoo.recipes import Losses, Optimizer

SHAPE = {"input_shape": (32, 32, 3), "width": 0.125, "classes": 10}


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_distillation_is_the_divergence_from_the_teacher(temperature):
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(size=(2, 5, 7)).astype(np.float32)
    p, q = softmax(theirs / temperature), softmax(ours / temperature)
    expected = temperature**2 * (p * (np.log(p) - np.log(q))).sum(axis=-1)
    np.testing.assert_allclose(distillation_loss(ours, theirs, temperature), expected, rtol=1e-4, atol=1e-6)


def test_its_gradient_is_the_difference_of_probabilities():
    rng = np.random.default_rng(1)
    ours, theirs = (tf.Variable(rng.normal(size=(3, 4)).astype(np.float32)) for _ in range(2))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(distillation_loss(ours, theirs))
    np.testing.assert_allclose(
        tape.gradient(loss, ours), softmax(ours.numpy()) - softmax(theirs.numpy()), rtol=1e-4, atol=1e-6
    )


def test_attention_maps_of_other_widths_are_compared():
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(size=(2, 4, 5, 3)).astype("f"), rng.normal(size=(2, 4, 5, 8)).astype("f")
    maps = [(x**2).mean(-1) / (x**2).mean(-1).max(axis=(1, 2), keepdims=True) for x in (ours, theirs)]
    expected = ((maps[0] - maps[1]) ** 2).mean(axis=(1, 2))
    np.testing.assert_allclose(attention_loss([ours], [theirs]), expected, rtol=1e-4)
    np.testing.assert_allclose(attention_map(theirs), maps[1], rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "blocks"), [("resnet18", 8), ("el_resnet26", 8), ("el_mobilenet", 13), ("reactnet_a", 13)]
)
def test_each_block_has_an_end(name, blocks):
    model = zoo.create_model(name, **SHAPE)
    ends = block_ends(model)
    assert len(ends) == blocks
    assert all(len(end.shape) == 4 for end in ends.values())


def test_teacher_and_student_share_their_blocks():
    student, teacher = (zoo.create_model(name, **SHAPE) for name in ("real_to_bin_resnet18", "resnet18"))
    pairs = shared_ends(student, teacher)
    assert len(pairs) == 8
    # behind the sum of the second half block, and behind the teacher's ReLU
    assert pairs[0][0].node.layer.name == "stage1_block1_last_add"
    assert pairs[0][1].node.layer.name == "stage1_block1_relu"


def test_logits_are_what_the_softmax_reads():
    model = zoo.create_model("el_resnet18", **SHAPE)
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("f")
    logits = keras.Model(model.inputs, logits_of(model)).predict_on_batch(x)
    np.testing.assert_allclose(softmax(logits), model.predict_on_batch(x), rtol=1e-4, atol=1e-7)
    image = keras.Input((3,))
    for head in (
        keras.layers.Dense(4, activation="softmax"),
        keras.Sequential([keras.layers.Dense(4), keras.layers.Softmax()]),
    ):
        other = keras.Model(image, head(image))
        small = np.ones((1, 3), np.float32)
        logits = keras.Model(image, logits_of(other)).predict_on_batch(small)
        np.testing.assert_allclose(softmax(logits), other.predict_on_batch(small), rtol=1e-5)


def compiled(losses, settings=None, teacher=None, optimizer=None):
    keras.utils.set_random_seed(0)
    network = zoo.create_model("el_resnet18", **SHAPE)
    trainer = Trainer(network, losses, settings or Optimizer(), teacher)
    trainer.compile(optimizer or keras.optimizers.SGD(1.0))
    return network, trainer


def batch(count=8):
    rng = np.random.default_rng(3)
    return rng.normal(size=(count, 32, 32, 3)).astype("f"), rng.integers(0, 10, count)


def test_a_step_is_that_of_keras():
    """Cross-entropy alone: the same weights as by Keras's own `compile` and `train_on_batch`."""
    x, y = batch()
    network, trainer = compiled(Losses())
    trainer.train_on_batch(x, y)
    keras.utils.set_random_seed(0)
    plain = zoo.create_model("el_resnet18", **SHAPE)
    plain.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    plain.train_on_batch(x, y)
    for ours, theirs in zip(network.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-6)


def test_weight_decay_reaches_kernels_alone():
    x, y = batch()
    still, without = compiled(Losses())
    without.train_on_batch(x, y)
    decayed, trainer = compiled(Losses(), Optimizer("sgd", weight_decay=0.01))
    trainer.train_on_batch(x, y)
    keras.utils.set_random_seed(0)
    initial = zoo.create_model("el_resnet18", **SHAPE)
    for ours, theirs, before in zip(
        decayed.trainable_variables, still.trainable_variables, initial.trainable_variables, strict=True
    ):
        expected = theirs.numpy() - (0.01 * before.numpy() if "kernel" in ours.name else 0.0)
        if "weight_clip" in str(getattr(ours, "constraint", "")) or "conv/kernel" in ours.name:
            expected = np.clip(expected, -1, 1) if "shortcut" not in ours.name and "stem" not in ours.name else expected
        np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-4, atol=1e-5, err_msg=ours.name)


def test_decoupled_decay_is_a_part_of_the_weight():
    x, y = batch()
    network, trainer = compiled(
        Losses(), Optimizer("sgd", weight_decay=0.5, decoupled=True), optimizer=keras.optimizers.SGD(0.01)
    )
    before = network.get_layer("stem_conv").kernel.numpy()
    other, plain = compiled(Losses(), optimizer=keras.optimizers.SGD(0.01))
    for one in (trainer, plain):
        one.train_on_batch(x, y)
    np.testing.assert_allclose(
        network.get_layer("stem_conv").kernel, other.get_layer("stem_conv").kernel - 0.01 * 0.5 * before, atol=1e-6
    )


def test_the_teacher_is_not_trained():
    teacher = zoo.create_model("resnet18", **SHAPE)
    before = teacher.get_weights()
    _, trainer = compiled(Losses(distillation=1.0, attention=1.0), teacher=teacher)
    trainer.train_on_batch(*batch())
    for ours, theirs in zip(teacher.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_label_smoothing_is_that_of_keras():
    x, y = batch()
    _, trainer = compiled(Losses(label_smoothing=0.1))
    logs = trainer.train_on_batch(x, y, return_dict=True)
    keras.utils.set_random_seed(0)
    plain = zoo.create_model("el_resnet18", **SHAPE)
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    np.testing.assert_allclose(logs["loss"], loss(tf.one_hot(y, 10), plain(x, training=True)), rtol=1e-4)
