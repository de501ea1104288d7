"""The size of the images that a model takes; loads no TensorFlow."""

from typing import Any

from larq_el.errors import UserError


def image_size_of(model: Any) -> tuple[int, int]:
    """(H, W) in pixels of a model's image.

    >>> image_size_of((None, 224, 224, 3))
    (224, 224)

    # Arguments
        model: a `tf.keras.Model`, or the shape of its input.

    # Raises
        ValueError: where the model has several inputs, or its sizes are not fixed.
    """
    shape = getattr(model, "input_shape", model)
    if not isinstance(shape, tuple) or len(shape) != 4 or None in shape[1:] or shape[-1] != 3:
        raise UserError(f"the model must take one RGB image of fixed size, (N, H, W, 3), and takes {shape}.")
    return shape[1], shape[2]
