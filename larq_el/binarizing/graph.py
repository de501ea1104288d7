"""A Keras model as a list of calls: models inside models are opened, and calls can be changed before it is built again.

A `Value` is a tensor between two calls, a `Call` a layer at one place. A layer that is called at several places, or
inside a model that is, stays one layer: its calls have the same `layer`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from larq_el._keras import Layer, Model, Tensor, keras, tf
from larq_el.errors import UserError, first_line

LONGEST = 200
"""Characters of another library's message in the middle of a sentence."""


@dataclass(eq=False)
class Value:
    """A tensor between layers.

    # Attributes
        shape: sizes, None where unknown; of images (N, H, W, C).
        producer: the call that gives it; None for an input of the model.
    """

    shape: tuple[int | None, ...]
    producer: "Call | None" = None


@dataclass(eq=False)
class Call:
    """One use of a layer.

    # Attributes
        name: of the layer, with the name of its model in front where two layers of the whole have one name.
        layer: the Keras layer of the model that was read, which stays as it is.
        args, kwargs: what it is called with; a `Value` stands for each tensor.
        outputs: a `Value`, or the structure of them that the layer gives.
        make: what computes the output in the place of a copy of the layer, see `compute_by`.
        prefix: the names of the models that it stands in, each with a "/" behind it.
    """

    name: str
    layer: Layer
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    outputs: Any = None
    make: Callable[..., Any] | None = None
    prefix: str = ""

    @property
    def inputs(self) -> list[Value]:
        """The tensors that it reads."""
        return values_in((self.args, self.kwargs))

    def compute_by(self, make: Callable[[Tensor], Tensor]) -> None:
        """Lets a function of its first input take the layer's place."""
        self.make, self.args, self.kwargs = make, (self.inputs[0],), {}

    @property
    def output(self) -> Value:
        """Its first output, the only one of most layers."""
        return values_in(self.outputs)[0]


def values_in(structure: Any) -> list[Value]:
    """The values in a structure of arguments, in order."""
    return [leaf for leaf in tf.nest.flatten(structure) if isinstance(leaf, Value)]


@dataclass(eq=False)
class Graph:
    """The calls of a model in an order in which each follows what it reads.

    # Attributes
        name: of the model.
        inputs: values, with the input layer of each.
        takes, outputs: the structures of values that the model takes and gives.
    """

    name: str
    inputs: list[tuple[Value, Layer]]
    takes: Any
    outputs: Any
    calls: list[Call]

    def consumers(self) -> dict[Value, list[Call]]:
        """The calls that read a value; those that read it twice are there twice."""
        found: dict[Value, list[Call]] = {value: [] for value, _ in self.inputs}
        for call in self.calls:
            found.update({value: [] for value in values_in(call.outputs)})
        for call in self.calls:
            for value in call.inputs:
                found[value].append(call)
        return found

    def replace(self, swaps: Mapping[Value, Value], *, outputs: bool = True) -> None:
        """Lets everything that reads a value read another one.

        # Arguments
            swaps: from values to those that take their place, which may be swapped themselves.
            outputs: whether the model gives the others too.
        """

        def swapped(leaf: Any) -> Any:
            while isinstance(leaf, Value) and leaf in swaps:
                leaf = swaps[leaf]
            return leaf

        for call in self.calls:
            if any(value in swaps for value in call.inputs):
                call.args, call.kwargs = tf.nest.map_structure(swapped, (call.args, call.kwargs))
        if outputs:
            self.outputs = tf.nest.map_structure(swapped, self.outputs)

    def prune(self) -> None:
        """Drops the calls that no output needs, and orders the others."""
        needed: list[Call] = []
        done: set[Call] = set()
        stack = [(call, False) for call in reversed(_producers(values_in(self.outputs)))]
        while stack:
            call, ready = stack.pop()
            if ready:
                needed.append(call)
            elif call not in done:
                done.add(call)
                stack.append((call, True))
                stack.extend((before, False) for before in reversed(_producers(call.inputs)) if before not in done)
        self.calls = needed


def _producers(values: list[Value]) -> list[Call]:
    return [value.producer for value in values if value.producer is not None]


def read(model: Model) -> Graph:
    """The calls of a model, and of the models inside it.

    # Arguments
        model: a functional or sequential `tf.keras.Model`.

    # Raises
        ValueError: where the model, or one inside it, is a subclass of one's own, whose calls only its code knows.
    """
    _check_has_graph(model)
    inputs = [Value(tuple(tensor.shape)) for tensor in model.inputs]
    values = {id(tensor): value for tensor, value in zip(model.inputs, inputs, strict=True)}
    calls = list(_calls(model, values, ""))
    takes, outputs = (
        tf.nest.map_structure(lambda tensor: values[id(tensor)], tensors) for tensors in (model.input, model.output)
    )
    layers = [tensor.node.layer for tensor in model.inputs]
    _name_apart(calls, {layer.name for layer in layers})
    return Graph(model.name, list(zip(inputs, layers, strict=True)), takes, outputs, calls)


def _check_has_graph(model: Model) -> None:
    if isinstance(model, keras.Sequential) and not getattr(model, "_graph_initialized", False):
        raise UserError(
            f"{model.name!r} does not know its input's shape; give its first layer an input_shape, or call "
            "model.build(shape) with the channels last and fixed."
        )
    if not getattr(model, "_is_graph_network", False):
        raise UserError(
            f"{model.name!r} is a {type(model).__name__}, a model of one's own code, whose layers cannot be told from "
            "outside; write it with Keras's functional API (keras.Model(inputs, outputs))."
        )


def _calls(model: Model, values: dict[int, Value], prefix: str) -> Iterator[Call]:
    """The calls of a model whose inputs are in `values`, by the id of the Keras tensor; fills in the others."""
    for _, nodes in sorted(model._nodes_by_depth.items(), reverse=True):
        for node in nodes:
            if node.is_input:
                continue
            args, kwargs = _without_tensors(node.call_args, values), _without_tensors(node.call_kwargs, values)
            if isinstance(node.layer, keras.Model):
                yield from _opened(node, args, values, prefix)
                continue
            call = Call(node.layer.name, node.layer, tuple(args), dict(kwargs), prefix=prefix)
            call.outputs = tf.nest.map_structure(lambda t, c=call: Value(tuple(t.shape), c), node.outputs)
            _remember(values, node.outputs, values_in(call.outputs))
            yield call


def _opened(node: Any, args: Any, values: dict[int, Value], prefix: str) -> Iterator[Call]:
    """The calls of a model inside a model."""
    inner = node.layer
    _check_has_graph(inner)
    given = values_in(inner._flatten_to_reference_inputs(args[0]))
    inside = {id(tensor): value for tensor, value in zip(inner.inputs, given, strict=True)}
    yield from _calls(inner, inside, f"{prefix}{inner.name}/")
    _remember(values, node.outputs, [inside[id(tensor)] for tensor in inner.outputs])


def _remember(values: dict[int, Value], tensors: Any, found: list[Value]) -> None:
    values.update(zip(map(id, tf.nest.flatten(tensors)), found, strict=True))


def _without_tensors(structure: Any, values: dict[int, Value]) -> Any:
    def swap(leaf: Any) -> Any:
        return values[id(leaf)] if is_tensor(leaf) else leaf

    return tf.nest.map_structure(swap, structure)


def is_tensor(leaf: Any) -> bool:
    """Whether an argument is a Keras tensor; `keras.backend.is_keras_tensor` raises for what is no tensor at all."""
    return hasattr(leaf, "_keras_history")


def _name_apart(calls: list[Call], taken: set[str]) -> None:
    """Gives layers of one name in several models names of their own; a layer has one name in all its calls."""
    names: dict[int, str] = {}
    for call in calls:
        if id(call.layer) not in names:
            whole = f"{call.prefix.replace('/', '_')}{call.name}"
            name = call.name if call.name not in taken else unused(whole, taken)
            taken.add(name)
            names[id(call.layer)] = name
        call.name = names[id(call.layer)]


def call_after(value: Value, name: str, layer: Layer, shape: tuple[int | None, ...] | None = None) -> Call:
    """A call of a new layer on one value, not in a graph yet.

    # Arguments
        value: what it reads.
        name: of the layer in the model that is built.
        layer: the layer.
        shape: of its output; None for that of `value`.
    """
    call = Call(name, layer, (value,))
    call.outputs = Value(value.shape if shape is None else shape, call)
    return call


def unused(name: str, taken: set[str]) -> str:
    """The name, with a number behind it where it is taken."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def build(graph: Graph, name: str, change: Callable[[Layer, dict[str, Any]], dict[str, Any]] | None = None) -> Model:
    """A Keras model of a graph, of new layers with the weights of those that were read.

    # Arguments
        graph: it stays as it is; calls with a `make` are computed by it.
        name: of the model.
        change: from a layer that was read and its configuration to the new one's.
    """
    copies: dict[int, tuple[Layer, Layer]] = {}

    def copy(call: Call) -> Layer:
        if id(call.layer) not in copies:
            config = {**config_of(call.layer), "name": call.name}
            copies[id(call.layer)] = call.layer, _copied(call, config if change is None else change(call.layer, config))
        return copies[id(call.layer)][1]

    tensors: dict[Value, Tensor] = {}
    for value, layer in graph.inputs:
        tensors[value] = type(layer).from_config(config_of(layer)).output

    def with_tensors(structure: Any) -> Any:
        return tf.nest.map_structure(lambda leaf: tensors[leaf] if isinstance(leaf, Value) else leaf, structure)

    for call in graph.calls:
        computed = (call.make or copy(call))(*with_tensors(call.args), **with_tensors(call.kwargs))
        tensors.update(zip(values_in(call.outputs), tf.nest.flatten(computed), strict=True))
    model = keras.Model(with_tensors(graph.takes), with_tensors(graph.outputs), name=name)
    for old, new in copies.values():
        _take_weights(new, old)
    return model


def config_of(layer: Layer) -> dict[str, Any]:
    """A layer's configuration.

    # Raises
        ValueError: where the layer has none.
    """
    try:
        return dict(layer.get_config())
    except Exception as error:  # a layer of one's own may raise anything
        raise UserError(
            f"layer {layer.name!r}, a {type(layer).__name__}, has no configuration to build it again from: "
            f"{first_line(error)[:LONGEST]}; give it a complete get_config()."
        ) from error


def _copied(call: Call, config: dict[str, Any]) -> Layer:
    try:
        return type(call.layer).from_config(config)
    except Exception as error:  # a layer of one's own may raise anything
        raise UserError(
            f"layer {call.name!r}, a {type(call.layer).__name__}, cannot be built again from its get_config(): "
            f"{first_line(error)[:LONGEST]}; give it a complete one."
        ) from error


def _take_weights(new: Layer, old: Layer) -> None:
    if old.get_weights():
        new.set_weights(old.get_weights())
        if hasattr(new, "finalize_state"):  # of preprocessing layers
            new.finalize_state()
    new.trainable = old.trainable
