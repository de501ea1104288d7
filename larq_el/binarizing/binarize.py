"""Makes any Keras model binary."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from larq_el._keras import Layer, Model, keras
from larq_el.binarizing import operators
from larq_el.binarizing.activations import settle_activations
from larq_el.binarizing.analysis import Surroundings
from larq_el.binarizing.canonical import canonical
from larq_el.binarizing.carried import unlink_doubles
from larq_el.binarizing.graph import Call, Graph, build, read
from larq_el.binarizing.latent import LATENT_SCALE, start_from_float
from larq_el.binarizing.moments import settle_inputs
from larq_el.binarizing.plan import Plan, plan_of
from larq_el.binarizing.roles import LARQS, Choices, basic_blocks, role_of, unit_of, why_float
from larq_el.binarizing.shortcuts import one_for_each_convolution, pooled
from larq_el.binarizing.units import Placement, build_units, place
from larq_el.errors import UserError, closest
from larq_el.zoo.methods import METHODS, Method, Unit

Keep = str | Iterable[str] | Callable[[Layer], bool]
MOMENTUM = 0.9
"""Most that a BatchNorm may have: behind new layers its statistics have to be found anew, in short trainings too."""


def binarize(
    model: Model,
    method: str = "el",
    *,
    keep: Keep = (),
    depthwise: Literal["float", "binary"] = "float",
    links: bool = True,
    centre: bool = True,
    pad_values: float = 0.0,
    latent_scale: float = LATENT_SCALE,
    name: str | None = None,
    plan: bool = False,
) -> Any:
    """A binary network made of a Keras model, with the float weights as its start.

    Each convolution becomes the unit that the method makes of its role, wired with its link, its scale and its
    BatchNorm: the same code builds the models of the zoo. In full precision stay the first convolution, the classifier,
    1x1s that only fit a shortcut's shape, what stands behind a global pooling, depthwise convolutions unless asked for,
    and what is not understood, each named with its reason in the plan.

    # Arguments
        model: a functional or sequential `tf.keras.Model`, which stays as it is. It may hold other models, share layers
            and have several inputs and outputs.
        method: a name of `larq_el.zoo.METHODS`.
        keep: layers that stay in full precision: names or patterns such as "block5_*", or a function of the layer.
        depthwise: "binary" makes depthwise convolutions of stride 1 binary too, as the paper's EL-MobileNet.
        links: False takes all links away: what they are worth is the difference.
        centre: whether signs that would nearly all be the same, as those behind a max-pool, get a BatchNorm of their
            own, and units whose input would be large one before all of it. False builds what the paper draws.
        pad_values: what binary convolutions pad with, 0 or 1.
        latent_scale: largest magnitude of each latent kernel; its signs and proportions are the float kernel's.
        name: of the new model; None for the method's name and the model's.
        plan: return the `Plan` alone.

    # Returns
        A `tf.keras.Model`, not compiled; with `plan`, a table that prints itself.

    # Raises
        ValueError: where the model has no layers that could be read (a subclass of one's own, Keras 3), nothing in it
            becomes binary, the method has no unit for a role, `keep` fits no layer, or an argument has no such value.

    # References
        [Elastic-Link](https://arxiv.org/abs/2112.10149): "can be easily embedded into any architecture"

    >>> from larq_el._keras import keras
    >>> model = keras.Sequential([
    ...     keras.layers.Conv2D(32, 3, padding="same", activation="relu", input_shape=(32, 32, 3), name="first"),
    ...     keras.layers.Conv2D(64, 3, padding="same", activation="relu", name="second"),
    ...     keras.layers.GlobalAveragePooling2D(),
    ...     keras.layers.Dense(10),
    ... ])
    >>> [layer.name for layer in binarize(model).layers if layer.name.startswith("second")]
    ['second_conv', 'second_bn', 'second_link']
    >>> [layer.why for layer in binarize(model, plan=True).layers]
    ['the first convolution: it reads the image', '', 'a dense layer']
    """
    prepared = prepare(
        model,
        method,
        keep=keep,
        depthwise=depthwise,
        links=links,
        centre=centre,
        pad_values=pad_values,
        latent_scale=latent_scale,
        name=name,
    )
    return prepared.plan if plan else prepared.build()


@dataclass(frozen=True)
class Prepared:
    """A network whose binarization is decided and not carried out yet.

    # Attributes
        plan: what becomes of each layer.
        graph: the network, changed as decided.
        placements: its units.
        pad_values, latent_scale, name: as of `binarize`.
    """

    plan: Plan
    graph: Graph
    placements: list[Placement]
    pad_values: float
    latent_scale: float
    name: str

    def build(self) -> Model:
        """The binary network."""
        build_units(self.placements, self.pad_values)
        norms = _norms_behind(self.graph, self.placements)
        made = build(self.graph, self.name, _renewed)
        for norm in norms:
            made.get_layer(norm).trainable = True
        start_from_float(made, self.placements, self.latent_scale)
        return made


def prepare(
    model: Model,
    method: str,
    *,
    keep: Keep,
    depthwise: Literal["float", "binary"],
    links: bool,
    centre: bool,
    pad_values: float,
    latent_scale: float,
    name: str | None = None,
) -> Prepared:
    """Decides what `binarize` does, for those who want the plan and the network.

    # Arguments
        model, method, keep, depthwise, links, centre, pad_values, latent_scale, name: as of `binarize`.

    # Raises
        ValueError: as `binarize`.
    """
    made_of = _method(method)
    _check(model, depthwise, pad_values, latent_scale)
    graph = read(model)
    kept = _keeper(keep, graph)
    canonical(graph, {call.layer for call in graph.calls if kept(call.layer)})
    calls = [call for call in graph.calls if operators.has_kernel(call)]
    reasons, roles, units = _decided(graph, Choices(made_of, kept, depthwise))
    moves = settle_activations(graph, units, made_of)
    graph.prune()
    _pool_shortcuts(graph, reasons, made_of)
    placements = place(graph, roles, units)
    if links:
        unlink_doubles(graph, placements)
    else:
        for placement in placements:
            placement.without_link()
    if centre:
        settle_inputs(graph, placements)
    for placement in placements:
        placement.note_small_images(pad_values)
    plan = plan_of(model.name, made_of.name, calls, reasons, placements, moves)
    made_name = name or f"{made_of.prefix}_{model.name}".lstrip("_")
    return Prepared(plan, graph, placements, pad_values, latent_scale, made_name)


def _decided(graph: Graph, choices: Choices) -> tuple[dict[Call, str], dict[Call, str], dict[Call, Unit]]:
    """Why convolutions stay float; roles and units of the others. Basic blocks get the method's shortcuts."""
    around = Surroundings(graph)
    convolutions = [call for call in graph.calls if operators.is_any_convolution(call)]
    reasons = {call: reason for call in convolutions if (reason := why_float(call, around, choices))}
    by_layer = {call.layer: reason for call, reason in reasons.items()}
    # a layer is one thing in all its calls
    reasons = {call: by_layer[call.layer] for call in convolutions if call.layer in by_layer}
    binary = [call for call in convolutions if call not in reasons]
    if not binary:
        _refuse(graph, reasons)
    blocks = basic_blocks(around, set(binary))
    in_blocks = {call: role for block in blocks for call, role in ((block.first, "basic"), (block.last, "basic_last"))}
    roles = {call: role_of(call, around, in_blocks) for call in binary}
    units = {call: unit_of(call, roles[call], choices.method) for call in binary}
    if choices.method.shortcut_per_conv:
        one_for_each_convolution(graph, blocks)
    return reasons, roles, units


def _refuse(graph: Graph, reasons: dict[Call, str]) -> None:
    if not reasons:
        raise UserError(f"{graph.name!r} has no convolution; Elastic-Link binarizes two-dimensional convolutions.")
    if LARQS in reasons.values():
        raise UserError(f"{graph.name!r} has binary layers of Larq's already; give the network in full precision.")
    some = "; ".join(f"{call.name!r}: {reason}" for call, reason in list(reasons.items())[:3])
    raise UserError(f"no convolution of {graph.name!r} can become binary ({some}); give a deeper one, or keep less.")


def _pool_shortcuts(graph: Graph, reasons: dict[Call, str], method: Method) -> None:
    """Puts the strides of shortcuts on average pools, where the method has them there."""
    if method.shortcut != "pooled":
        return
    uses = [call.layer for call in graph.calls]
    for call, reason in reasons.items():
        if reason.startswith("a shortcut") and uses.count(call.layer) == 1 and (done := pooled(graph, call)):
            reasons[call] = f"{reason}, {done}"


def _norms_behind(graph: Graph, placements: list[Placement]) -> set[str]:
    """The names of kept BatchNorms behind binary convolutions: frozen ones too have to find their statistics anew."""
    new = {call for placement in placements for call in placement.calls}
    norms = set()
    for call in graph.calls:
        if call not in new and any(value.producer in new for value in call.inputs):
            new.add(call)
            if operators.is_batch_norm(call):
                norms.add(call.name)
                call.kwargs.pop("training", None)
    return norms


def _renewed(layer: Layer, config: dict[str, Any]) -> dict[str, Any]:
    """A kept layer's configuration: BatchNorms keep up with what is new before them."""
    if isinstance(layer, keras.layers.BatchNormalization):
        return {**config, "momentum": min(config["momentum"], MOMENTUM)}
    return config


def _method(name: str) -> Method:
    if not isinstance(name, str) or name not in METHODS:
        raise UserError(f"there is no method {name!r}; {closest(str(name), METHODS)}")
    if not METHODS[name].residual:
        raise UserError(f"method {name!r} takes residual shortcuts away, and binarize leaves them; take another one.")
    return METHODS[name]


def _check(model: Model, depthwise: str, pad_values: float, latent_scale: float) -> None:
    if not isinstance(model, keras.Model):
        kind = f"{type(model).__module__}.{type(model).__name__}"
        if kind.startswith(("keras.src", "keras.engine")):
            raise UserError(
                f"the model is one of Keras 3 ({kind}), and Larq's layers are of Keras 2 (tf_keras); build it with "
                "TF_USE_LEGACY_KERAS=1 in the environment and tf.keras."
            )
        raise UserError(f"binarize takes a tf.keras.Model, got a {kind}.")
    if depthwise not in ("float", "binary"):
        raise UserError(f"depthwise must be 'float' or 'binary', got {depthwise!r}.")
    if not isinstance(pad_values, int | float) or pad_values not in (0, 1):
        raise UserError(f"pad_values must be 0 or 1, got {pad_values!r}: nothing else is binary padding.")
    if not isinstance(latent_scale, int | float) or not 0 < latent_scale <= 1:
        raise UserError(f"latent_scale must be above 0 and at most 1, where kernels are clipped, got {latent_scale!r}.")


def _keeper(keep: Keep, graph: Graph) -> Callable[[Layer], bool]:
    """Whether a layer is to stay in full precision.

    # Raises
        ValueError: where a pattern, or the function, fits no layer that has a kernel.
    """
    names = {call.layer: (call.name, call.layer.name, f"{call.prefix}{call.layer.name}") for call in graph.calls}
    candidates = {
        call.layer: None for call in graph.calls if operators.is_any_convolution(call) or operators.is_image_dense(call)
    }
    if callable(keep):
        chosen = {layer for layer in candidates if keep(layer)}
        if not chosen:
            raise UserError(f"keep is true for none of the {len(candidates)} convolutions of {graph.name!r}.")
        return chosen.__contains__
    patterns = [keep] if isinstance(keep, str) else list(keep) if isinstance(keep, Iterable) else [keep]
    if not all(isinstance(pattern, str) for pattern in patterns):
        raise UserError(f"keep must be names, patterns of names or a function of a layer, got {keep!r}.")
    chosen = set()
    for pattern in patterns:
        found = {layer for layer in candidates if any(fnmatchcase(name, pattern) for name in names[layer])}
        if not found:
            known = sorted({names[layer][0] for layer in candidates})
            raise UserError(f"keep={pattern!r} fits no convolution of {graph.name!r}; {closest(pattern, known)}")
        chosen |= found
    return chosen.__contains__
