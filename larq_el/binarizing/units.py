"""The units that take the place of convolutions: which BatchNorm they take over, whether they have a link, what builds
them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from larq_el._keras import Layer, Tensor, keras, tf
from larq_el.binarizing import operators
from larq_el.binarizing.analysis import Surroundings
from larq_el.binarizing.graph import LONGEST, Call, Graph, Value, is_tensor
from larq_el.errors import UserError, first_line
from larq_el.introspection import is_beyond
from larq_el.zoo.methods import Unit
from larq_el.zoo.steps import CONVOLVING, Conv, pair
from larq_el.zoo.steps.norms import batch_norm
from larq_el.zoo.unit import conv_unit

LINKS = ("link", "pooled_sum")
"""Steps that add the unit's own input."""
SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "conv": ("conv", "group"),
    "ternary_conv": ("conv", "thresholds"),
    "abc_conv": ("conv", "shifts", "group"),
    "k": ("scale", "scaled"),
    "norm": ("bn",),
    "link": ("link", "link_crop", "link_pool"),
    "link_alone": ("link",),
    "pooled_sum": ("add", "link_crop", "shortcut_pool"),
    "rprelu": ("bias_in", "prelu", "bias_out"),
    "rescale": ("rescale_pool", "rescale_relu", "rescale_sigmoid", "rescaled"),
}
"""What the names of a step's layers end with, where that is not the step's own name."""


@dataclass
class Placement:
    """A convolution layer and the unit in its place.

    # Attributes
        calls: where it is called, more than once where it is shared.
        role: of `larq_el.binarizing.roles`.
        unit: what the method makes of it; link and centre are settled on it.
        conv: geometry and name.
        norm: the float model's BatchNorm layer that the unit takes over.
        notes: what a plan says of it.
        normalized: whether a BatchNorm stands before the whole unit, its link too.
    """

    calls: list[Call]
    role: str
    unit: Unit
    conv: Conv
    norm: Layer | None
    notes: list[str]
    normalized: bool = False

    @property
    def layer(self) -> Layer:
        """The float convolution."""
        return self.calls[0].layer

    @property
    def channels(self) -> int:
        """Of its input."""
        return int(self.calls[0].inputs[0].shape[-1] or 0)

    @property
    def before_conv(self) -> tuple[str, ...]:
        """The steps before its convolution."""
        return self.unit.steps[: self._conv_step]

    @property
    def behind_conv(self) -> tuple[str, ...]:
        """The steps behind its convolution."""
        return self.unit.steps[self._conv_step + 1 :]

    @property
    def _conv_step(self) -> int:
        return next(index for index, step in enumerate(self.unit.steps) if step in CONVOLVING)

    @property
    def is_identity_link(self) -> bool:
        """Whether it adds its input as it is."""
        same = self.conv.filters == self.channels and pair(self.conv.strides) == (1, 1)
        unpadded = self.conv.padding == "valid" and any(self.conv.border)
        return same and not unpadded and self.is_linked and not self.normalized

    @property
    def is_linked(self) -> bool:
        """Whether it adds its input in any way."""
        return any(step in LINKS for step in self.unit.steps)

    def centred(self) -> None:
        """Puts a BatchNorm before the sign alone."""
        self.unit = replace(self.unit, steps=("centre", *self.unit.steps))

    def note_small_images(self, pad_values: float) -> None:
        """Notes where LCE's fast kernels fail: zero-padded windows that are larger than their images."""
        if self.conv.padding != "same" or pad_values != 0 or self.conv.depthwise:
            return
        for call in self.calls:
            sizes = call.inputs[0].shape[1:3]
            if is_beyond(sizes, self.conv.border):
                self.notes.append(
                    f"LCE's fast kernels fail on images of {sizes[0]}x{sizes[1]}, smaller than its window: take larger "
                    "ones, or pad_values=1"
                )
                return

    def without_link(self) -> None:
        """Takes the link away."""
        self.unit = replace(self.unit, steps=tuple(step for step in self.unit.steps if step not in LINKS))


def by_call(placements: list[Placement]) -> dict[Call, Placement]:
    """The placement of each call."""
    return {call: placement for placement in placements for call in placement.calls}


def place(graph: Graph, roles: Mapping[Call, str], units: Mapping[Call, Unit]) -> list[Placement]:
    """Units for convolutions, each with the BatchNorm that it takes over; those leave the graph.

    # Arguments
        graph: activations are settled; changed in place.
        roles, units: of each convolution that becomes binary.
    """
    by_layer: dict[Layer, list[Call]] = {}
    for call in graph.calls:
        if call in units:
            by_layer.setdefault(call.layer, []).append(call)
    around = Surroundings(graph)
    taken = {call.name for call in graph.calls}
    swaps: dict[Value, Value] = {}
    placements = []
    for layer, calls in by_layer.items():
        norm, with_relu = _norm_behind(calls, around, swaps)
        conv = _conv(layer, calls[0], _name(calls[0], units[calls[0]], norm, taken))
        unit = _fitted(units[calls[0]], conv, calls[0], with_relu)
        placements.append(Placement(calls, roles[calls[0]], unit, conv, norm, []))
    graph.replace(swaps)
    graph.prune()
    return placements


def _norm_behind(calls: list[Call], around: Surroundings, swaps: dict[Value, Value]) -> tuple[Layer | None, bool]:
    """The BatchNorm layer directly behind a convolution in all its calls, and whether a ReLU stands between them."""
    chains = [_to_norm(call, around) for call in calls]
    layers = {chain[-1].layer if chain else None for chain in chains}
    if None in layers or len(layers) > 1:
        return None, False
    for call, chain in zip(calls, chains, strict=True):
        swaps[chain[-1].output] = call.output
    return layers.pop(), len(chains[0]) > 1


def _to_norm(call: Call, around: Surroundings) -> list[Call]:
    """The calls from behind a convolution to its BatchNorm, none where there is no such."""
    if (norm := around.norm_behind(call)) is not None:
        return [norm]
    reader = around.only_reader(call.output)
    norm = around.norm_behind(reader) if reader is not None and operators.is_relu(reader) else None
    return [] if reader is None or norm is None else [reader, norm]


def _conv(layer: Layer, call: Call, name: str) -> Conv:
    """The geometry of a convolution."""
    depthwise = operators.is_depthwise(layer)
    return Conv(
        int(call.output.shape[-1] or 0),
        _one_or_two(layer.kernel_size),
        _one_or_two(layer.strides),
        name,
        depthwise=depthwise,
        padding=layer.padding,
        dilation=_one_or_two(layer.dilation_rate),
        groups=1 if depthwise else layer.groups,
    )


def suffixes(unit: Unit) -> list[str]:
    """What the names of a unit's layers may end with."""
    return ["centre", "input_bn", *(suffix for step in unit.steps for suffix in SUFFIXES.get(step, (step,)))]


def _name(call: Call, unit: Unit, norm: Layer | None, taken: set[str]) -> str:
    """What the names of a unit's layers begin with, so that none of them is taken; those that it may use are then."""
    others = taken - {call.name, "" if norm is None else norm.name}
    name, number = call.name.removesuffix("_conv"), 1
    while any(f"{name}_{suffix}" in others for suffix in suffixes(unit)):
        number += 1
        name = f"{call.name}_{number}"
    taken.update(f"{name}_{suffix}" for suffix in suffixes(unit))
    return name


def _one_or_two(pixels: Any) -> Any:
    height, width = pixels
    return height if height == width else (height, width)


def _fitted(unit: Unit, conv: Conv, call: Call, with_relu: bool) -> Unit:
    """A unit without the steps that this convolution cannot have, and with the ReLU that stood before its BatchNorm."""
    steps = list(unit.steps)
    if "pooled_sum" in steps and conv.filters != call.inputs[0].shape[-1]:
        steps.remove("pooled_sum")
    if with_relu and "relu" not in steps and "norm" in steps:
        steps.insert(steps.index("norm"), "relu")
    return replace(unit, steps=tuple(steps))


def build_units(placements: list[Placement], pad_values: float) -> None:
    """Lets each call compute its unit; a layer that is shared has one unit.

    # Arguments
        placements: of a graph's calls.
        pad_values: what a binary convolution pads with, 0 or 1.
    """
    for placement in placements:
        make = _maker(placement, pad_values)
        for call in placement.calls:
            call.compute_by(make)


def _maker(placement: Placement, pad_values: float) -> Callable[[Tensor], Tensor]:
    built: list[tuple[Tensor, Tensor]] = []

    def make(x: Tensor) -> Tensor:
        if built:
            return _again(*built[0], x)
        built.append((x, _built(x, placement, pad_values)))
        return built[0][1]

    return make


def _built(x: Tensor, placement: Placement, pad_values: float) -> Tensor:
    """A unit at its place, of the float convolution's precision."""
    policy = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(placement.layer.dtype_policy)
    try:
        read = batch_norm(x, f"{placement.conv.name}_input_bn") if placement.normalized else x
        return conv_unit(read, placement.conv, placement.unit, pad_values)
    except ValueError as error:  # a layer of the method's that cannot stand here
        raise UserError(
            f"the unit of layer {placement.conv.name!r} cannot be built: {first_line(error)[:LONGEST]}; keep the layer "
            "in full precision, or choose another method."
        ) from error
    finally:
        keras.mixed_precision.set_global_policy(policy)


def _again(x: Tensor, y: Tensor, other: Tensor) -> Tensor:
    """What the layers between x and y make of another tensor."""
    done = {id(x): other}

    def of(tensor: Tensor) -> Tensor:
        if id(tensor) not in done:
            node = tensor.node
            args, kwargs = tf.nest.map_structure(
                lambda leaf: of(leaf) if is_tensor(leaf) else leaf, (node.call_args, node.call_kwargs)
            )
            outputs = node.layer(*args, **kwargs)
            done.update(zip(map(id, tf.nest.flatten(node.outputs)), tf.nest.flatten(outputs), strict=True))
        return done[id(tensor)]

    return of(y)
