"""Activations in front of signs: a ReLU there would make every sign +1."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from larq_el._keras import tf
from larq_el.binarizing import operators
from larq_el.binarizing.analysis import Surroundings
from larq_el.binarizing.graph import Call, Graph, Value, values_in
from larq_el.zoo.methods import Method, Unit
from larq_el.zoo.unit import apply_steps


@dataclass
class Moves:
    """What became of activations, by the names of their layers, in the order of the network."""

    dropped: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    exchanged: list[str] = field(default_factory=list)


def settle_activations(graph: Graph, units: Mapping[Call, Unit], method: Method) -> Moves:
    """Drops, moves or exchanges the activations that signs would suffer from.

    - ReLU, ReLU6 and hard-swish go where their output reaches a sign through sums, concatenations, pools and pads, or
      as what a gate multiplies; a BatchNorm between makes both signs again, so they stay in front of one.
    - behind a sum the method's own activation takes their place, if it has one.
    - behind a depthwise or a first convolution in full precision they move in front of its BatchNorm, where the method
      has them there (EL-MobileNet).
    - directly behind a unit that has a ReLU of its own they are that one.
    - ReLUs between the last binary convolution and the head go, as in the zoo.
    - what the model gives as an output keeps its activation.
    - an exact GELU becomes the one by tanh: LCE's converter has no error function.

    # Arguments
        graph: in canonical form; changed in place.
        units: what each convolution that becomes binary is made of.
        method: of `larq_el.zoo.METHODS`.
    """
    around, moves = Surroundings(graph), Moves()
    signs = _reaching_signs(around, units)
    swaps: dict[Value, Value] = {}
    # the graph changes below, and its surroundings with it: all of them are asked first
    in_unit = {call for call in graph.calls if operators.is_relu(call) and _has_own(call, units)}
    in_the_way = {
        call
        for call in graph.calls
        if operators.is_relu(call) and (call.output in signs or _is_before_head(call, around, units, method))
    }
    norms = {call: norm for call in in_the_way if (norm := _norm_to_precede(call, around, method)) is not None}
    for call in graph.calls:
        if operators.is_exact_gelu(call):
            call.make = _tanh_gelu
            moves.exchanged.append(call.name)
        elif call in in_unit:
            swaps[call.output] = call.inputs[0]
            moves.moved.append(call.name)
        elif call in in_the_way:
            _settle_relu(call, norms.get(call), method, swaps, moves)
        elif call.output in signs and (x := operators.self_gated(call)) is not None:
            swaps[call.output] = x
            moves.dropped.append(call.name)
    graph.replace(swaps, outputs=False)
    return moves


def _tanh_gelu(x: object) -> object:
    return tf.nn.gelu(x, approximate=True)


def _has_own(call: Call, units: Mapping[Call, Unit]) -> bool:
    """Whether a ReLU stands directly behind a unit that has one."""
    before = call.inputs[0].producer
    if before is not None and operators.is_batch_norm(before):
        before = before.inputs[0].producer
    return before is not None and before in units and "relu" in units[before].steps


def _settle_relu(call: Call, norm: Call | None, method: Method, swaps: dict[Value, Value], moves: Moves) -> None:
    before = call.inputs[0].producer
    if before is not None and operators.is_sum(before) and method.activation is not None:
        name, steps = call.name, (method.activation,)
        call.make = lambda x: apply_steps(x, steps, name)
        moves.exchanged.append(call.name)
    elif norm is not None:
        # convolution, BatchNorm, ReLU: the last two change places
        swaps[call.output] = norm.output
        call.outputs = Value(call.output.shape, call)
        call.args, norm.args = norm.args, (call.output,)
        moves.moved.append(call.name)
    else:
        swaps[call.output] = call.inputs[0]
        moves.dropped.append(call.name)


def _norm_to_precede(relu: Call, around: Surroundings, method: Method) -> Call | None:
    """The BatchNorm of a MobileNet's float convolution that a ReLU stands behind, where the method has it before it."""
    down = method.units.get("depthwise_down")
    norm = relu.inputs[0].producer if operators.is_relu(relu) else None
    if norm is None or not operators.is_batch_norm(norm) or around.only_reader(norm.output) is not relu:
        return None
    conv = norm.inputs[0].producer
    if conv is None or not operators.is_convolution(conv) or around.only_reader(conv.output) is not norm:
        return None
    if down is None or down.steps[:2] != ("conv", "relu"):
        return None
    before_depthwise = all(operators.is_depthwise(reader.layer) for reader in around.consumers[relu.output])
    return norm if operators.is_depthwise(conv.layer) or (around.is_first(conv) and before_depthwise) else None


def _reaching_signs(around: Surroundings, units: Mapping[Call, Unit]) -> set[Value]:
    """The values that reach a sign with nothing between that would give them another mean."""
    found: set[Value] = set()
    for call in reversed(around.graph.calls):
        if call in units:
            found.add(call.inputs[0])
        elif any(value in found for value in values_in(call.outputs)):
            if operators.is_relu(call) or operators.is_moving(call) or operators.is_sum(call):
                found.update(call.inputs)
            elif (main := _multiplied(call, around)) is not None:
                found.add(main)
    return found


def _multiplied(call: Call, around: Surroundings) -> Value | None:
    """What a gate multiplies: the operand of a product from which the other one is computed."""
    if not operators.is_product(call):
        return None
    first, second = call.inputs
    if around.depends_on(second, first):
        return first
    return second if around.depends_on(first, second) else None


def _is_before_head(call: Call, around: Surroundings, units: Mapping[Call, Unit], method: Method) -> bool:
    """Whether a ReLU stands between the last binary convolution and the head, where the method has none."""
    if "relu" in method.head or around.convolves_after(call):
        return False
    return _is_of_binary(call.inputs[0], units)


def _is_of_binary(value: Value, units: Mapping[Call, Unit]) -> bool:
    """Whether a binary convolution gives a value, through BatchNorm and sums."""
    stack = [value]
    while stack:
        call = stack.pop().producer
        if call in units:
            return True
        if call is not None and (operators.is_batch_norm(call) or operators.is_sum(call)):
            stack.extend(call.inputs[:1] if operators.is_batch_norm(call) else call.inputs)
    return False
