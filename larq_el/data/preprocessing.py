"""What goes into a model of the zoo, and what its predictions mean."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from larq_el._keras import Tensor, keras, tf
from larq_el.data.policy import IMAGENET_MEAN
from larq_el.errors import UserError


def preprocess_input(x: Tensor, data_format: str | None = None) -> Any:
    """The paper's preprocessing: subtracts ImageNet's mean from each channel (red, green, blue).

    # Arguments
        x: images (..., 3) in RGB, values from 0 to 255, of any number type; numpy array or tensor.
        data_format: "channels_last", or None for it; nothing else is supported.

    # Returns
        float32 of the same shape and kind.

    # Raises
        ValueError: where the last axis is not 3, or `data_format` is another.

    >>> import numpy as np
    >>> preprocess_input(np.full((1, 1, 3), 128, np.uint8)).round().tolist()
    [[[4.0, 12.0, 24.0]]]
    """
    if data_format not in (None, "channels_last"):
        raise UserError(f"data_format must be 'channels_last', got {data_format!r}: binary convolutions are NHWC.")
    x = x if tf.is_tensor(x) else np.asarray(x)
    if x.shape[-1:] != (3,):
        raise UserError(f"preprocess_input takes RGB images, (..., 3), got shape {tuple(x.shape)}.")
    if tf.is_tensor(x):
        return tf.cast(x, tf.float32) - tf.constant(IMAGENET_MEAN)
    return np.asarray(x, np.float32) - np.asarray(IMAGENET_MEAN, np.float32)


def decode_predictions(preds: Any, top: int = 5, class_names: Sequence[str] | None = None) -> list[list[tuple]]:
    """The most likely classes of each sample.

    # Arguments
        preds: (N, classes), probabilities or logits; numpy array or tensor.
        top: how many classes.
        class_names: names of the classes; None for ImageNet's 1000, whose names Keras downloads once.

    # Returns
        For each sample a list of (class_name, description, score), best first.

    # Raises
        ValueError: where the shape does not fit the classes, or the names cannot be downloaded.

    >>> import numpy as np
    >>> decode_predictions(np.array([[0.1, 0.9]]), top=1, class_names=["cat", "dog"])
    [[('dog', 'dog', 0.9)]]
    """
    preds = np.asarray(preds)
    classes = 1000 if class_names is None else len(class_names)
    if preds.ndim != 2 or preds.shape[1] != classes:
        raise UserError(
            f"decode_predictions takes predictions of shape (N, {classes}), got {preds.shape}; give class_names=[...] "
            "for classes other than ImageNet's."
        )
    if class_names is None:
        try:
            return keras.applications.imagenet_utils.decode_predictions(preds, top=top)
        except Exception as error:  # Keras raises a bare Exception where the download fails
            raise UserError(
                f"ImageNet's class names could not be downloaded ({str(error).strip()}); give class_names=[...]."
            ) from error
    best = preds.argsort(axis=1)[:, ::-1][:, :top]
    return [
        [(class_names[i], class_names[i], float(row[i])) for i in order] for row, order in zip(preds, best, strict=True)
    ]
