"""Links that would add a tensor to itself: activations double with each of them, and explode."""

from collections.abc import Mapping

from larq_el._keras import keras
from larq_el.binarizing import operators
from larq_el.binarizing.graph import Call, Graph, Value
from larq_el.binarizing.units import Placement, by_call

Carried = dict[Value, frozenset[Value]]


def unlink_doubles(graph: Graph, placements: list[Placement]) -> None:
    """Takes links away until no sum adds a tensor that a link in its other operand has added already.

    Of a residual branch whose units are all linked, as Xception's, it is the first one's that goes: its own input is
    what the sum adds again.

    # Arguments
        graph: with the placements' calls in it.
        placements: changed in place.
    """
    of_call = by_call(placements)
    while (double := _first_double(graph, of_call)) is not None:
        double.without_link()
        double.notes.append("no link: a sum behind it adds its input already")


def _first_double(graph: Graph, of_call: Mapping[Call, Placement]) -> Placement | None:
    """A unit whose link carries into a sum what another operand carries there too."""
    carried: Carried = {}
    for call in graph.calls:
        inputs = call.inputs
        for value in inputs:
            carried.setdefault(value, frozenset({value}))
        if call in of_call:
            found = carried[inputs[0]] if of_call[call].is_identity_link else frozenset()
        elif operators.is_sum(call):
            if (double := _double(inputs, carried, of_call)) is not None:
                return double
            found = frozenset().union(*(carried[value] for value in inputs))
        else:
            found = carried[inputs[0]] if _passes_on(call) else frozenset()
        carried[call.output] = found | {call.output}
    return None


def _passes_on(call: Call) -> bool:
    """Whether a call gives what it reads, as dropout does at inference."""
    dropping = (keras.layers.Dropout, keras.layers.SpatialDropout2D, keras.layers.GaussianDropout)
    same = operators.function_of(call) in ("identity", "stop_gradient", "nn.dropout")
    linear = isinstance(call.layer, keras.layers.Activation) and operators.activation_of(call.layer) == "linear"
    return same or linear or isinstance(call.layer, dropping)


def _double(operands: list[Value], carried: Carried, of_call: Mapping[Call, Placement]) -> Placement | None:
    for index, operand in enumerate(operands):
        for other in operands[:index] + operands[index + 1 :]:
            for value in carried[operand] & carried[other]:
                if (placement := _nearest(operand, value, carried, of_call)) is not None:
                    return placement
    return None


def _nearest(operand: Value, value: Value, carried: Carried, of_call: Mapping[Call, Placement]) -> Placement | None:
    """Of the linked units on the way from a value to a sum's operand the one nearest to the value."""
    found, at = None, operand
    while at is not value and (call := at.producer) is not None:
        found = of_call.get(call, found)
        at = next(source for source in call.inputs if value in carried.get(source, ()))
    return found
