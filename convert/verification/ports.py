"""Which tensors of a flatbuffer are a Keras model's inputs and outputs."""

import re
from typing import Any

from larq_el.errors import UserError
from larq_el.tflite.flatbuffer import Flatbuffer


def ports_of(model: Any, content: Flatbuffer) -> tuple[list[int], list[int]]:
    """The flatbuffer's tensors of the model's inputs and of its outputs, in the model's order.

    # Arguments
        model: a `tf.keras.Model`.
        content: its conversion.

    # Raises
        ValueError: where their shapes are not those of the model's.
    """
    inputs, outputs = _inputs(model, content), _outputs(model, content)
    got, wanted = (
        [[tuple(content.tensors[at].shape[1:]) for at in ports] for ports in (inputs, outputs)],
        [[tuple(tensor.shape[1:]) for tensor in tensors] for tensors in (model.inputs, model.outputs)],
    )
    if got != wanted:
        (got_in, got_out), (wanted_in, wanted_out) = ([_listed(ports) for ports in both] for both in (got, wanted))
        raise UserError(
            f"the flatbuffer is not a conversion of {model.name!r}: it maps {got_in} to {got_out}, the model maps "
            f"{wanted_in} to {wanted_out}."
        )
    return inputs, outputs


def _listed(shapes: list[tuple[int, ...]]) -> str:
    return " and ".join(map(str, shapes))


def _inputs(model: Any, content: Flatbuffer) -> list[int]:
    """The flatbuffer's tensors of the model's inputs, by their names where it has them."""
    named = content.signature_inputs
    return [named.get(name, at) for name, at in zip(model.input_names, content.inputs, strict=False)]


def _outputs(model: Any, content: Flatbuffer) -> list[int]:
    """As `_inputs`: our own conversions number the outputs, LCE's name them."""
    named = content.signature_outputs
    if set(named) == set(model.output_names):
        return [named[name] for name in model.output_names]
    numbers = [re.fullmatch(r"output_(\d+)", name) for name in named]
    if named and all(numbers):
        return [named[name] for name in sorted(named, key=lambda name: int(name.removeprefix("output_")))]
    return content.outputs
