"""What each layer computes while a model runs, those of the models inside it too.

The `.output` of a layer inside an inner model is a tensor of that model's own graph, which no outer model can show; and
calling the layer on tensors of the outer graph would leave those calls in the user's model for good. So the layers are
watched while Keras itself runs the model: that holds for inner models of any kind, and each call of a shared layer.
"""

import contextlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from larq_el._keras import Layer, Model, Tensor, keras, tf
from larq_el.introspection import leaf_layers


@dataclass(frozen=True)
class Call:
    """A call of a layer; of one that was not asked for, both tensors are None.

    # Attributes
        layer: the Keras layer, never a model.
        inputs: its first argument, as it was given: a tensor, or several in a list.
        output: what it returned, see `single`.
        others, options: its other arguments.
    """

    layer: Layer
    inputs: Tensor
    output: Any
    others: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    def of(self, inputs: Tensor) -> Any:
        """What the layer returns for another first argument."""
        return single(self.layer(inputs, *self.others, **self.options))

    @property
    def alone(self) -> "Call":
        """This call without its tensors, which take memory."""
        return replace(self, inputs=None, output=None)


Exchange = Callable[[Call], Any]


def calls_of(
    model: Model,
    inputs: list[np.ndarray],
    wanted: Collection[int] | None = None,
    *,
    exchange: Exchange | None = None,
    parts: bool = False,
) -> tuple[list[Any], list[Call]]:
    """Runs a model as `predict` does.

    # Arguments
        model: a `tf.keras.Model`.
        inputs: a batch of each of its inputs, in the order of `model.inputs`.
        wanted: positions of the calls whose tensors are kept; None for all. Each takes memory.
        exchange: what the model goes on with in the place of a call's output; None for the output itself.
        parts: whether to watch the layers that other layers are made of too, each before the layer around it.

    # Returns
        The model's outputs, tensors in the order of `model.outputs`, and the calls in the order of execution, which is
        the same for every batch.
    """
    calls: list[Call] = []
    with contextlib.ExitStack() as watched:
        for layer in {id(layer): layer for layer in (parts_of(model) if parts else leaf_layers(model))}.values():
            watched.enter_context(_watched(layer, calls, wanted, exchange))
        outputs = model(tf.nest.pack_sequence_as(model.input, inputs), training=False)
    return tf.nest.flatten(outputs), calls


def single(output: Any) -> Any:
    """A layer's output; a list of one as that one, as Keras's own `.output` has it."""
    return output[0] if isinstance(output, list | tuple) and len(output) == 1 else output


LOOPS = keras.layers.RNN | keras.layers.Bidirectional | keras.layers.TimeDistributed
"""Layers that call what they are made of once for each step."""


def parts_of(layer: Layer) -> Iterator[Any]:
    """All layers inside a layer or model; of loops, and of Larq's layers, which are made of quantizers, none."""
    for part in layer._flatten_layers(include_self=False, recursive=False):
        if not isinstance(part, keras.Model):
            yield part
        if not isinstance(part, LOOPS) and type(part).__module__.split(".")[0] != "larq":
            yield from parts_of(part)


@contextlib.contextmanager
def _watched(
    layer: Layer, calls: list[Call], wanted: Collection[int] | None, exchange: Exchange | None
) -> Iterator[None]:
    """Adds each call of a layer to `calls`."""
    attributes: dict[str, Any] = (
        layer.__dict__
    )  # past Keras's own `__setattr__`, which would keep track of the function
    own = attributes.get("call")
    function = layer.call

    def watching(inputs: Tensor, *args: Any, **kwargs: Any) -> Any:
        output = function(inputs, *args, **kwargs)
        # a tensor's identity tells which layer computed it, and some return the very tensor that they were given
        given = set(map(id, tf.nest.flatten(inputs)))
        output = tf.nest.map_structure(lambda part: tf.identity(part) if id(part) in given else part, output)
        if exchange is not None:
            output = exchange(Call(layer, inputs, output))
        kept = wanted is None or len(calls) in wanted
        call = Call(layer, inputs, single(output), args, kwargs)
        calls.append(call if kept else call.alone)
        return output

    attributes["call"] = watching
    try:
        yield
    finally:
        if own is None:
            del attributes["call"]
        else:
            attributes["call"] = own
