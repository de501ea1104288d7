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
    before_head: list[str] = field(default_factory=list)
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
    - what is read by anything but signs and convolutions keeps its activation for that, and so do outputs.
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
    relus = [call for call in graph.calls if operators.is_relu(call)]
    in_unit = {call for call in relus if _has_own(call, units)}
    in_the_way = {call for call in relus if call.output in signs}
    before_head = {call for call in relus if _is_before_head(call, around, units, method)}
    norms = {
        call: _norm_to_precede(call, around, method)
        for call in in_the_way
        if _signs_alone(call.output, around, units, signs)
    }
    for call in graph.calls:
        if operators.is_exact_gelu(call):
            call.compute_by(_tanh_gelu)
            moves.exchanged.append(call.name)
        elif call in in_unit:
            swaps[call.output] = call.inputs[0]
            moves.moved.append(call.name)
        elif call in in_the_way:
            _settle_relu(call, norms.get(call), method, swaps, moves, moves.dropped)
        elif call in before_head:
            _settle_relu(call, norms.get(call), method, swaps, moves, moves.before_head)
        elif call.output in signs and (x := operators.self_gated(call)) is not None:
            swaps[call.output] = x
            moves.dropped.append(call.name)
    _swap(graph, swaps, around, units, signs)
    return moves


def _swap(
    graph: Graph, swaps: dict[Value, Value], around: Surroundings, units: Mapping[Call, Unit], signs: set[Value]
) -> None:
    """Lets signs, and convolutions beside them, read what stands before an activation; others and outputs keep it."""
    others = {
        reader
        for value in swaps
        if value in signs
        for reader in around.consumers[value]
        if not _takes_raw(reader, units, signs)
    }
    kept = {call: (call.args, call.kwargs) for call in others}
    graph.replace(swaps, outputs=False)
    for call, (args, kwargs) in kept.items():
        call.args, call.kwargs = args, kwargs


def _tanh_gelu(x: object) -> object:
    return tf.nn.gelu(x, approximate=True)


def _has_own(call: Call, units: Mapping[Call, Unit]) -> bool:
    """Whether a ReLU stands directly behind a unit that has one."""
    before = call.inputs[0].producer
    if before is not None and operators.is_batch_norm(before):
        before = before.inputs[0].producer
    return before is not None and before in units and "relu" in units[before].steps


def _settle_relu(
    call: Call, norm: Call | None, method: Method, swaps: dict[Value, Value], moves: Moves, dropped: list[str]
) -> None:
    before = call.inputs[0].producer
    if before is not None and operators.is_sum(before) and method.activation is not None:
        name, steps = call.name, (method.activation,)
        call.compute_by(lambda x: apply_steps(x, steps, name))
        moves.exchanged.append(call.name)
    elif norm is not None:
        # convolution, BatchNorm, ReLU: the last two change places
        swaps[call.output] = norm.output
        call.outputs = Value(call.output.shape, call)
        call.args, norm.args = norm.args, (call.output,)
        moves.moved.append(call.name)
    else:
        swaps[call.output] = call.inputs[0]
        dropped.append(call.name)


def _norm_to_precede(relu: Call, around: Surroundings, method: Method) -> Call | None:
    """The BatchNorm of a MobileNet's float convolution that a ReLU stands behind, where the method has it before it."""
    down = method.units.get("depthwise_down")
    norm = relu.inputs[0].producer
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
    """The values that reach a sign with nothing between that would give them another mean.

    What a pool or the like gives to signs and to others alike is not among them: the others want it as it is.
    """
    found: set[Value] = set()
    for call in reversed(around.graph.calls):
        outputs = values_in(call.outputs)
        if call in units:
            found.add(call.inputs[0])
        elif any(value in found for value in outputs):
            moves = operators.is_moving(call) or operators.is_merging(call)
            if moves and not all(_signs_alone(value, around, units, found) for value in outputs):
                continue
            if moves or operators.is_relu(call) or operators.is_sum(call):
                found.update(call.inputs)
            elif (main := _multiplied(call, around)) is not None:
                found.add(main)
    return found


def _signs_alone(value: Value, around: Surroundings, units: Mapping[Call, Unit], signs: set[Value]) -> bool:
    """Whether nothing that reads a value wants it as it is, and neither does who called the model."""
    return value not in around.given and all(_takes_raw(reader, units, signs) for reader in around.consumers[value])


def _takes_raw(reader: Call, units: Mapping[Call, Unit], signs: set[Value]) -> bool:
    """Whether a call is a sign, on the way to one, or one that takes what signs take: a convolution or a sum."""
    on_the_way = any(value in signs for value in values_in(reader.outputs))
    return reader in units or operators.is_convolution(reader) or operators.is_sum(reader) or on_the_way


def _multiplied(call: Call, around: Surroundings) -> Value | None:
    """What a gate multiplies: the operand of a product from which the other one is computed."""
    if not operators.is_product(call):
        return None
    first, second = call.inputs
    if around.depends_on(second, first):
        return first
    return second if around.depends_on(first, second) else None


def _is_before_head(call: Call, around: Surroundings, units: Mapping[Call, Unit], method: Method) -> bool:
    """Whether a ReLU stands between the last binary convolution and dense classifiers, where the method has none."""
    if "relu" in method.head or not _is_of_binary(call.inputs[0], units):
        return False
    stack = [call.output]
    while stack:
        value = stack.pop()
        if value in around.given:
            return False
        for reader in around.consumers[value]:
            if operators.is_global_pool(reader) or operators.is_moving(reader) or operators.is_flatten(reader):
                stack.append(reader.output)
            elif not operators.is_dense(reader):
                return False
    return True


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
