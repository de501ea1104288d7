"""SavedModels that hold no Keras model, such as those of `tf.saved_model.save` and of `model.export`."""

from pathlib import Path
from typing import Any

from larq_el._keras import Tensor, keras, tf
from larq_el.errors import UserError

SIGNATURE = "serving_default"


class SavedModelLayer(keras.layers.Layer):
    """Calls the serving signature of a loaded SavedModel.

    # Arguments
        loaded: of `tf.saved_model.load`.
        signature: one of its functions.
    """

    def __init__(self, loaded: Any, signature: Any) -> None:
        super().__init__(name="saved_model", trainable=False)
        self.loaded = loaded
        self.signature = signature
        # Keras does not look for weights inside it
        self.variables_of_it = list(signature.variables)

    def call(self, inputs: Tensor) -> Any:
        """The signature's outputs, in the order of their names."""
        names = sorted(self.signature.structured_input_signature[1])
        inputs = inputs if isinstance(inputs, list | tuple) else [inputs]
        outputs = self.signature(**dict(zip(names, inputs, strict=True)))
        outputs = [outputs[name] for name in sorted(outputs)]
        return outputs if len(outputs) > 1 else outputs[0]


def from_saved_model(path: Path) -> Any:
    """A Keras model of one layer that computes what a SavedModel's serving signature computes.

    # Arguments
        path: of the SavedModel's folder.

    # Raises
        ValueError: where it has no serving signature.
    """
    loaded = tf.saved_model.load(str(path))
    if SIGNATURE not in loaded.signatures:
        names = ", ".join(map(repr, loaded.signatures)) or "none"
        raise UserError(
            f"{str(path)!r} is a SavedModel without a signature {SIGNATURE!r}, it has {names}; save it with "
            "signatures=..."
        )
    signature = loaded.signatures[SIGNATURE]
    specs = signature.structured_input_signature[1]
    inputs = [
        keras.Input(batch_shape=specs[name].shape.as_list(), dtype=specs[name].dtype, name=name)
        for name in sorted(specs)
    ]
    outputs = SavedModelLayer(loaded, signature)(inputs if len(inputs) > 1 else inputs[0])
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs, name="saved_model")
