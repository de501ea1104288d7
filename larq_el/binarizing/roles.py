"""Which convolutions become binary and in which role, and why the others stay float."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from larq_el._keras import Layer
from larq_el.binarizing import operators
from larq_el.binarizing.analysis import Surroundings
from larq_el.binarizing.graph import Call, Value
from larq_el.errors import UserError
from larq_el.zoo.methods import Method, Unit
from larq_el.zoo.steps import CONVOLVING

LARQS = "one of Larq's layers, with quantizers of its own"
FEW = 8
"""Channels below which a convolution is cheap in float, and loses most of what it reads as bits."""
BITS = 32
"""LCE takes groups whose channels are a multiple of this."""


@dataclass(frozen=True)
class Choices:
    """What a user decides about a network.

    # Attributes
        method: what binary units are made of.
        keep: whether a layer is to stay in full precision.
        depthwise: "float", or "binary" for those of stride 1.
    """

    method: Method
    keep: Callable[[Layer], bool]
    depthwise: Literal["float", "binary"] = "float"


def why_float(call: Call, around: Surroundings, choices: Choices) -> str:
    """Why a convolution stays in full precision; "" where it becomes binary.

    # Arguments
        call: a convolution in canonical form.
        around: of its graph.
        choices: the user's.
    """
    layer, channels = call.layer, call.inputs[0].shape[-1] or 0
    if choices.keep(layer):
        return "you keep it"
    if reason := _why_not_understood(call):
        return reason
    if around.is_first(call):
        return "the first convolution: it reads the image"
    if channels < FEW:
        return f"it reads {channels} channels: there is little to gain"
    if around.is_behind_global_pool(call):
        return "behind a global pooling: a gate's or a classifier's"
    if around.is_last(call):
        return "the last convolution: a classifier"
    if operators.is_depthwise(layer):
        return _why_depthwise_float(layer, choices)
    binary = [unit for unit in choices.method.units.values() if unit.conv == "binary"]
    if layer.groups > 1 and not any("conv" in unit.steps for unit in binary):
        return f"it has {layer.groups} groups, and the method's convolutions have none"
    if layer.groups > 1 and (channels // layer.groups) % BITS:
        return f"its {layer.groups} groups have {channels // layer.groups} channels, and LCE takes multiples of {BITS}"
    return "a shortcut's change of shape" if around.is_shortcut(call) else ""


def _why_not_understood(call: Call) -> str:
    layer = call.layer
    if operators.is_binary_already(layer):
        return LARQS
    if not operators.is_convolution(call) or "Transpose" in type(layer).__name__:
        return f"a {type(layer).__name__}: LCE has no binary one"
    if len(call.inputs[0].shape) != 4:
        return "its input is no image, (N, H, W, C)"
    if layer.data_format != "channels_last":
        return "its channels come first, which LCE does not run"
    if type(layer).__module__.split(".")[0] not in ("tf_keras", "keras") or type(layer).__name__ not in _KNOWN:
        return f"a {type(layer).__name__}, whose computation is not known here"
    return ""


_KNOWN = ("Conv2D", "DepthwiseConv2D")


def _why_depthwise_float(layer: Layer, choices: Choices) -> str:
    if choices.depthwise == "float":
        return "depthwise: more accurate in float; depthwise='binary' is the other choice"
    if max(layer.strides) > 1:
        return "depthwise with a stride, in full precision in the paper"
    if layer.depth_multiplier > 1:
        return f"depthwise with {layer.depth_multiplier} filters a channel: methods have no unit for it"
    return ""


STAND_INS: Mapping[str, tuple[str, ...]] = {
    "reduce": ("reduce", "pointwise", "react_1x1", "basic"),
    "expand": ("expand", "pointwise", "react_double", "basic"),
    "spatial": ("spatial", "react", "basic"),
    "wider": ("expand", "react_double", "basic"),
    "pointwise": ("pointwise", "reduce", "react_1x1", "basic"),
    "basic": ("basic", "spatial", "react"),
    "basic_last": ("basic_last", "spatial", "react"),
    "depthwise": ("depthwise",),
}
"""For each role the roles of `larq_el.zoo.methods` whose unit serves, the best one first."""


def role_of(call: Call, around: Surroundings, blocks: Mapping[Call, str]) -> str:
    """The role of a convolution that becomes binary, one of `STAND_INS`.

    # Arguments
        call: the convolution.
        around: of its graph.
        blocks: the roles of those that stand in basic residual blocks.
    """
    layer = call.layer
    if operators.is_depthwise(layer):
        return "depthwise"
    if call in blocks:
        return blocks[call]
    channels = call.inputs[0].shape[-1]
    if tuple(layer.kernel_size) != (1, 1):
        return "spatial" if channels == layer.filters else "wider"
    if _follows_depthwise(call) and _has_relu_behind(call, around):
        return "pointwise"
    return "expand" if layer.filters > channels else "reduce"


def _follows_depthwise(call: Call) -> bool:
    """Whether a convolution reads a depthwise one, through BatchNorm and activations."""
    value = call.inputs[0]
    while (before := value.producer) is not None:
        if operators.is_depthwise(before.layer):
            return True
        if not operators.is_batch_norm(before) and not operators.is_relu(before):
            return False
        value = before.inputs[0]
    return False


def _has_relu_behind(call: Call, around: Surroundings) -> bool:
    reader = around.only_reader((around.norm_behind(call) or call).output)
    return reader is not None and operators.is_relu(reader)


def unit_of(call: Call, role: str, method: Method) -> Unit:
    """What a method makes of a role.

    # Arguments
        call: the convolution.
        role: of `STAND_INS`.
        method: of `larq_el.zoo.METHODS`.

    # Raises
        ValueError: where the method knows neither the role nor one that stands in for it.
    """
    for name in STAND_INS[role]:
        unit = method.units.get(name)
        if unit is not None and unit.conv == "binary" and CONVOLVING.intersection(unit.steps):
            return unit
    raise UserError(
        f"method {method.name!r} does not say what a {role!r} convolution such as {call.name!r} is made of; keep such "
        f"layers in full precision (keep={call.name!r}), or choose another method, such as 'el'."
    )


@dataclass(frozen=True, eq=False)
class Block:
    """A basic residual block: two convolutions with windows, and one shortcut around both.

    # Attributes
        first, last: the convolutions.
        add: the sum behind them.
        shortcut: its other operand.
    """

    first: Call
    last: Call
    add: Call
    shortcut: Value


def basic_blocks(around: Surroundings, binary: set[Call]) -> list[Block]:
    """The basic blocks of a network.

    # Arguments
        around: of the graph.
        binary: the convolutions that become binary.
    """
    found = []
    for add in around.graph.calls:
        if not operators.is_sum(add) or len(add.inputs) != 2:
            continue
        for branch, shortcut in (add.inputs, add.inputs[::-1]):
            last = _windowed(branch, around, binary)
            first = None if last is None else _windowed(last.inputs[0], around, binary)
            if first is None or last is None or _windowed(shortcut, around, binary) is last:
                continue
            if not first.output.shape == shortcut.shape == add.output.shape:
                continue  # a sum behind the first one would not fit
            source = _behind_activations(first.inputs[0])
            if _behind_activations(shortcut) is source or around.depends_on(shortcut, source):
                found.append(Block(first, last, add, shortcut))
                break
    shared = Counter(call.layer for block in found for call in (block.first, block.last))
    return [block for block in found if shared[block.first.layer] == shared[block.last.layer] == 1]


def _windowed(value: Value, around: Surroundings, binary: set[Call]) -> Call | None:
    """The binary convolution with a window that gives a value, through BatchNorm and activations, and nothing else."""
    while (call := value.producer) is not None:
        if around.only_reader(value) is None:
            return None
        if call in binary:
            kernel: Any = call.layer.kernel_size
            return call if max(kernel) > 1 and not operators.is_depthwise(call.layer) else None
        if not operators.is_batch_norm(call) and not operators.is_relu(call):
            return None
        value = call.inputs[0]
    return None


def _behind_activations(value: Value) -> Value:
    while value.producer is not None and operators.is_relu(value.producer):
        value = value.producer.inputs[0]
    return value
