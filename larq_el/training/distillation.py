"""What a student learns from a teacher: its probabilities, and where it looks."""

import re
from typing import Any

from larq_el._keras import Model, Tensor, keras, tf
from larq_el.errors import UserError

BLOCK = re.compile(r"((?:stage\d+_)?(?:block|pair)\d+)_")
"""What the names of a block's layers begin with, in the zoo."""
JOINTS = (keras.layers.Add, keras.layers.Concatenate, keras.layers.MaxPooling2D)
"""Where the blocks of other networks end."""
SMALL = 1e-7
"""Probabilities below it count as this."""


def block_ends(model: Model) -> dict[str, Any]:
    """The outputs of a model's blocks, (N, H, W, C) each, by the blocks' names.

    Of a model that is not of the zoo: the outputs of its sums, concatenations and max-pools, which keep their names in
    `larq_el.binarize`.

    >>> from larq_el import zoo
    >>> list(block_ends(zoo.ResNet18(input_shape=(32, 32, 3), width=0.125)))[:2]
    ['stage1_block1', 'stage1_block2']

    # Arguments
        model: a `tf.keras.Model`.
    """
    ends: dict[str, Any] = {}
    joints: dict[str, Any] = {}
    for layer in model.layers:  # in the order of computation: the last one of a block is its end
        if (found := BLOCK.match(layer.name)) and len(layer.output.shape) == 4:
            ends[found[1]] = layer.output
        elif isinstance(layer, JOINTS) and len(layer.inbound_nodes) == 1 and len(layer.output.shape) == 4:
            joints[layer.name] = layer.output
    return ends or joints


def shared_ends(student: Model, teacher: Model) -> list[tuple[Any, Any]]:
    """The ends of the blocks that two models share, for attention maps: of one name, height and width.

    # Raises
        ValueError: where they share none.
    """
    ours, theirs = block_ends(student), block_ends(teacher)
    pairs = [(ours[name], theirs[name]) for name in ours if name in theirs]
    pairs = [(a, b) for a, b in pairs if a.shape[1:3] == b.shape[1:3]]
    if not pairs:
        raise UserError(
            f"{student.name!r} and its teacher {teacher.name!r} have no blocks of one name and size to compare "
            "attention maps at; take a teacher of the same backbone, or a recipe without attention."
        )
    return pairs


def logits_of(model: Model) -> Any:
    """The tensor of a classifier's logits, up to a constant, (N, classes).

    # Arguments
        model: a `tf.keras.Model` that ends in probabilities.
    """
    last = model.layers[-1]
    is_softmax = getattr(last, "activation", None) is keras.activations.softmax
    if isinstance(last, keras.layers.Activation) and is_softmax:
        return last.input
    if isinstance(last, keras.layers.Softmax):
        return last.input
    return tf.math.log(tf.maximum(model.output, SMALL))


def attention_map(x: Tensor) -> Any:
    """Where a network looks: the mean of A^2 over the channels, over its largest value in the image.

    # Arguments
        x: (N, H, W, C).

    # Returns
        (N, H, W), 0 to 1.

    # References
        [Real-to-Binary](https://arxiv.org/abs/2003.11535), section 4.2, as in larq/zoo

    >>> attention_map(tf.constant([[[[1.0, 1.0], [2.0, 0.0]]]])).numpy().tolist()  # means of squares 1 and 2
    [[[0.5, 1.0]]]
    """
    energy = tf.reduce_mean(tf.square(tf.cast(x, tf.float32)), axis=-1)
    return energy / (tf.reduce_max(energy, axis=(1, 2), keepdims=True) + SMALL)


def attention_loss(student: list[Any], teacher: list[Any]) -> Any:
    """The mean squared difference of attention maps, (N,), averaged over blocks.

    # Arguments
        student, teacher: outputs of blocks, (N, H, W, C) each; the numbers of channels may differ.
    """
    differences = [
        tf.reduce_mean(tf.math.squared_difference(attention_map(ours), attention_map(theirs)), axis=(1, 2))
        for ours, theirs in zip(student, teacher, strict=True)
    ]
    return tf.add_n(differences) / len(differences)


def distillation_loss(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Any:
    """T^2 KL(teacher || student) of the probabilities at a temperature, (N,).

    # Arguments
        student, teacher: logits, (N, classes).
        temperature: T.

    # References
        [Distilling the Knowledge in a Neural Network](https://arxiv.org/abs/1503.02531)

    >>> same = tf.constant([[1.0, 2.0]])
    >>> distillation_loss(same, same).numpy().tolist()
    [0.0]
    """
    ours = tf.nn.log_softmax(tf.cast(student, tf.float32) / temperature)
    theirs = tf.nn.log_softmax(tf.cast(teacher, tf.float32) / temperature)
    return temperature**2 * tf.reduce_sum(tf.exp(theirs) * (theirs - ours), axis=-1)


def check_teacher(student: Model, teacher: Model) -> None:
    """Refuses a teacher of other classes or images than the student's.

    # Raises
        ValueError: where they differ.
    """
    if teacher.output_shape != student.output_shape:
        raise UserError(
            f"the teacher {teacher.name!r} has {teacher.output_shape[-1]} classes and {student.name!r} has "
            f"{student.output_shape[-1]}; give a teacher that was trained on the same data set."
        )
    if teacher.input_shape != student.input_shape:
        raise UserError(
            f"the teacher {teacher.name!r} takes images of shape {teacher.input_shape[1:]} and {student.name!r} of "
            f"{student.input_shape[1:]}; give a teacher for images of the same size."
        )
