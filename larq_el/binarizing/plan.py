"""What becomes of each layer and why: a table before the deed."""

from dataclasses import asdict, dataclass
from math import prod
from typing import Any

from larq_el.binarizing import operators
from larq_el.binarizing.activations import Moves
from larq_el.binarizing.graph import Call
from larq_el.binarizing.units import Placement, by_call
from larq_el.introspection import kernels_of
from larq_el.tables import Parts, Shown, Table

OF_RUNTIMES = {
    "depthwise": "on bits in larq_el's runtime; LCE has no binary depthwise convolution and runs it in float",
}
"""What a role means for where it runs, where that is not LCE's binary convolution."""


@dataclass(frozen=True)
class LayerPlan:
    """One convolution or dense layer.

    # Attributes
        name, kind: of the layer, such as "Conv2D 3x3/2, 64 to 128".
        role: in which it becomes binary; "" where it stays float.
        steps: what its unit is made of, see `larq_el.zoo.steps`.
        why: why it stays float, or what is special about its unit.
        macs: multiply-accumulates for one image in all its calls; None where the image's size is not known.
        float_bytes, bytes: size of its kernel before and after.
    """

    name: str
    kind: str
    role: str
    steps: tuple[str, ...]
    why: str
    macs: int | None
    float_bytes: int
    bytes: float

    @property
    def binary(self) -> bool:
        """Whether it becomes binary."""
        return bool(self.role)


@dataclass(frozen=True)
class Plan(Shown):
    """What `binarize` does with a model.

    # Attributes
        model, method: their names.
        layers: in the order of the network.
        dropped, before_head, moved, exchanged: names of activations: gone before signs; gone before the classifier,
            where the method has none; moved in front of a BatchNorm or into a unit; with another in their place.
    """

    model: str
    method: str
    layers: tuple[LayerPlan, ...]
    dropped: tuple[str, ...]
    before_head: tuple[str, ...]
    moved: tuple[str, ...]
    exchanged: tuple[str, ...]

    @property
    def binary_macs(self) -> int | None:
        """Multiply-accumulates that become binary; None where the image's size is not known."""
        return _sum(layer.macs for layer in self.layers if layer.binary)

    @property
    def macs(self) -> int | None:
        """All multiply-accumulates of convolutions and dense layers; None where the image's size is not known."""
        return _sum(layer.macs for layer in self.layers)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            **asdict(self),
            "macs": self.macs,
            "binary_macs": self.binary_macs,
            "float_bytes": sum(layer.float_bytes for layer in self.layers),
            "bytes": sum(layer.bytes for layer in self.layers),
        }

    def parts(self) -> Parts:
        """The table, and sentences on operations, bytes and activations."""
        rows = [
            (
                layer.name,
                layer.kind,
                layer.role or "float",
                " ".join(layer.steps),
                "" if layer.macs is None else f"{layer.macs / 1e6:.1f}",
                f"{layer.float_bytes / 1024:.1f}",
                f"{layer.bytes / 1024:.1f}",
                layer.why,
            )
            for layer in self.layers
        ]
        columns = ("layer", "kind", "becomes", "unit", "MMACs", "KiB before", "KiB after", "why")
        yield Table(f"{self.model} by method {self.method}", columns, rows)
        yield self._summary()
        for names, what in (
            (self.dropped, "dropped: a sign behind a ReLU would always be +1"),
            (self.before_head, "dropped before the classifier, where the method has none"),
            (self.moved, "moved in front of a BatchNorm"),
            (self.exchanged, "exchanged for another"),
        ):
            if names:
                yield f"{len(names)} activation(s) {what}: {_some(names)}."

    def _summary(self) -> str:
        binary = sum(layer.binary for layer in self.layers)
        before, after = (sum(getattr(layer, name) for layer in self.layers) for name in ("float_bytes", "bytes"))
        text = f"{binary} of {len(self.layers)} layers become binary; "
        text += f"all kernels take {before / 2**20:.2f} MiB now and {after / 2**20:.2f} MiB then"
        if self.macs and self.binary_macs is not None:
            text += f"; {self.binary_macs / self.macs:.1%} of {self.macs / 1e6:.0f}M multiply-accumulates become binary"
        on_bits = sum(layer.binary and layer.role not in OF_RUNTIMES for layer in self.layers)
        return f"{text}. LCE runs {on_bits} of them on bits."


def _sum(macs: Any) -> int | None:
    counts = list(macs)
    return None if None in counts else sum(counts)


def _some(names: tuple[str, ...], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def plan_of(
    model: str, method: str, calls: list[Call], reasons: dict[Call, str], placements: list[Placement], moves: Moves
) -> Plan:
    """The plan of a network.

    # Arguments
        model, method: their names.
        calls: convolutions and dense layers in the order of the network.
        reasons: why a convolution stays float.
        placements: the units of the others.
        moves: of activations.
    """
    of_call = by_call(placements)
    uses: dict[int, list[Call]] = {}
    for call in calls:
        uses.setdefault(id(call.layer), []).append(call)
    layers = tuple(_layer(same, reasons, of_call.get(same[0])) for same in uses.values())
    names = (moves.dropped, moves.before_head, moves.moved, moves.exchanged)
    return Plan(model, method, layers, *(tuple(dict.fromkeys(some)) for some in names))


def _layer(calls: list[Call], reasons: dict[Call, str], placement: Placement | None) -> LayerPlan:
    call = calls[0]
    size = _weights(call)
    why = reasons.get(call, "a dense layer") if placement is None else "; ".join(_notes(placement))
    return LayerPlan(
        name=call.name,
        kind=_kind(call),
        role="" if placement is None else placement.role,
        steps=() if placement is None else placement.unit.steps,
        why=why,
        macs=_macs(calls),
        float_bytes=4 * size,
        bytes=4 * size if placement is None else size / 8,
    )


def _notes(placement: Placement) -> list[str]:
    runtime = OF_RUNTIMES.get(placement.role)
    shared = [f"called {len(placement.calls)} times"] if len(placement.calls) > 1 else []
    return [*shared, *placement.notes, *([runtime] if runtime else [])]


def _weights(call: Call) -> int:
    """How many there are in the kernels of a layer, or of the one inside a TimeDistributed."""
    return sum(prod(kernel.shape) for kernel in kernels_of(getattr(call.layer, "layer", call.layer)))


def _macs(calls: list[Call]) -> int | None:
    total = 0
    for call in calls:
        transposed = "Transpose" in type(call.layer).__name__
        shape = (call.inputs[0] if transposed else call.output).shape[1:-1]
        sizes = [size for size in shape if size is not None]
        if len(sizes) < len(shape):
            return None
        total += prod(sizes) * _weights(call)
    return total


def _kind(call: Call) -> str:
    layer, channels = call.layer, call.inputs[0].shape[-1]
    text = f"{type(layer).__name__} "
    if operators.is_convolution(call):
        text += "x".join(map(str, layer.kernel_size))
        text += f"/{max(layer.strides)}" if max(layer.strides) > 1 else ""
        text += ", "
    return f"{text}{channels} to {call.output.shape[-1]}"
