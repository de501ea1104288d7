"""What each layer computes while a model runs, those of the models inside it too.

The `.output` of a layer inside an inner model is a tensor of that model's own graph, which no outer model can show; and
calling the layer on tensors of the outer graph would leave those calls in the user's model for good. So the layers are
watched while Keras itself runs the model: that holds for inner models of any kind, and each call of a shared layer.
"""

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from larq_el._keras import tf
from larq_el.complexity import leaf_layers


@dataclass(frozen=True)
class Call:
    """A call of a layer; of one that was not asked for, both tensors are None.

    # Attributes
        layer: the Keras layer, never a model.
        inputs: its first argument, as it was given: a tensor, or several in a list.
        output: what it returned, see `single`.
    """

    layer: Any
    inputs: Any
    output: Any


def calls_of(
    model: Any, inputs: list[np.ndarray], wanted: Collection[int] | None = None
) -> tuple[list[np.ndarray], list[Call]]:
    """Runs a model as `predict` does.

    # Arguments
        model: a `tf.keras.Model`.
        inputs: a batch of each of its inputs, in the order of `model.inputs`.
        wanted: positions of the calls whose tensors are kept; None for all. Each takes memory.

    # Returns
        The model's outputs in the order of `model.outputs`, and the calls in the order of execution, which is the same
        for every batch.
    """
    calls: list[Call] = []
    with contextlib.ExitStack() as watched:
        for layer in {id(layer): layer for layer in leaf_layers(model)}.values():
            watched.enter_context(_watched(layer, calls, wanted))
        outputs = model(tf.nest.pack_sequence_as(model.input, inputs), training=False)
    return [np.asarray(output) for output in tf.nest.flatten(outputs)], calls


def single(output: Any) -> Any:
    """A layer's output; a list of one as that one, as Keras's own `.output` has it."""
    return output[0] if isinstance(output, list | tuple) and len(output) == 1 else output


@contextlib.contextmanager
def _watched(layer: Any, calls: list[Call], wanted: Collection[int] | None) -> Iterator[None]:
    """Adds each call of a layer to `calls`."""
    attributes = vars(layer)  # past Keras's own `__setattr__`, which would keep track of the function
    own = attributes.get("call")
    call = layer.call

    def watching(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        output = call(inputs, *args, **kwargs)
        # a tensor's identity tells which layer computed it, and some return the very tensor that they were given
        given = set(map(id, tf.nest.flatten(inputs)))
        output = tf.nest.map_structure(lambda part: tf.identity(part) if id(part) in given else part, output)
        kept = wanted is None or len(calls) in wanted
        calls.append(Call(layer, inputs, single(output)) if kept else Call(layer, None, None))
        return output

    attributes["call"] = watching
    try:
        yield
    finally:
        if own is None:
            del attributes["call"]
        else:
            attributes["call"] = own
