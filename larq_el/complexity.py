"""Parameters, operations and bytes of a model, by the convention of Bi-Real net.

A binary multiply-accumulate counts as one BOP, every other one as one FLOP, of convolutions and dense layers alone;
OPs = FLOPs + BOPs / 64. BatchNorm, activations, pooling and sums are not counted there; `elastic_link_operations`
counts what Elastic-Link adds.

References: https://arxiv.org/abs/1808.00278, section 4; https://arxiv.org/abs/2112.10149, "Computational complexity".
"""

from dataclasses import asdict, dataclass
from math import prod
from typing import Any

from larq_el._keras import Layer, Model, keras
from larq_el.errors import UserError, closest
from larq_el.introspection import convolutions, has_binary_kernel, is_binary_convolution, kernels_of, leaf_layers
from larq_el.layers import ElasticLink

COUNTING_RULES = {
    "sum": "the element-wise sum alone",
    "folded": "the sum, and gamma's multiplication on the narrow side (what this package runs)",
    "naive": "the sum, and gamma's multiplication on the convolution's output",
}


@dataclass(frozen=True)
class LayerComplexity:
    """A layer's share.

    # Attributes
        name, kind: the Keras layer's name and class.
        parameters: number of weights, of which `binary_parameters` are deployed as one bit (ABC-Net: M bits).
        macs: multiply-accumulates for one image.
        binary: whether they are binary, BOPs and not FLOPs.
        bytes: size of the weights when deployed.
    """

    name: str
    kind: str
    parameters: int
    binary_parameters: int
    macs: int
    binary: bool
    bytes: float


@dataclass(frozen=True)
class Complexity:
    """The sums over a model's layers; see the module for the convention."""

    layers: tuple[LayerComplexity, ...]

    @property
    def parameters(self) -> int:
        """Number of weights, binary and float."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def binary_parameters(self) -> int:
        """Number of weights that are deployed as one bit."""
        return sum(layer.binary_parameters for layer in self.layers)

    @property
    def float_parameters(self) -> int:
        """Number of weights that are deployed as float32."""
        return self.parameters - self.binary_parameters

    @property
    def bops(self) -> int:
        """Binary multiply-accumulates for one image."""
        return sum(layer.macs for layer in self.layers if layer.binary)

    @property
    def flops(self) -> int:
        """All other multiply-accumulates for one image."""
        return sum(layer.macs for layer in self.layers if not layer.binary)

    @property
    def ops(self) -> float:
        """FLOPs + BOPs / 64."""
        return self.flops + self.bops / 64

    @property
    def bytes(self) -> float:
        """Size of the weights when deployed: one bit or four bytes each."""
        return sum(layer.bytes for layer in self.layers)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the sums, and the layers."""
        names = ("parameters", "binary_parameters", "float_parameters", "bops", "flops", "ops", "bytes")
        return {**{name: getattr(self, name) for name in names}, "layers": [asdict(layer) for layer in self.layers]}


def complexity(model: Model) -> Complexity:
    """Counts a model's weights and operations.

    # Arguments
        model: a `tf.keras.Model` with fixed image sizes.

    # Returns
        A `Complexity`.

    # Raises
        ValueError: where a convolution's output size is not known.

    >>> from larq_el import zoo
    >>> round(complexity(zoo.BiRealResNet18()).ops / 1e6, 1)  # the Bi-Real paper: 1.63e8
    164.0
    """
    return Complexity(tuple(_count(layer) for layer in leaf_layers(model)))


def _count(layer: Layer) -> LayerComplexity:
    parameters = layer.count_params()
    kernels = kernels_of(layer)
    binary_parameters = sum(prod(kernel.shape) for kernel in kernels) if has_binary_kernel(layer) else 0
    bits = binary_parameters * getattr(getattr(layer, "kernel_quantizer", None), "count", 1)
    return LayerComplexity(
        name=layer.name,
        kind=type(layer).__name__,
        parameters=parameters,
        binary_parameters=binary_parameters,
        macs=_macs(layer, kernels) * convolutions(layer),
        binary=is_binary_convolution(layer),
        bytes=bits / 8 + 4 * (parameters - binary_parameters),
    )


def _macs(layer: Layer, kernels: list[Any]) -> int:
    """Multiply-accumulates for one image: the kernel's size for each output pixel (input pixel where transposed)."""
    if not kernels:
        return 0
    transposed = isinstance(layer, keras.layers.Conv2DTranspose)
    sizes = (layer.input_shape if transposed else layer.output_shape)[1:-1]
    if None in sizes:
        raise UserError(
            f"the operations of layer {layer.name!r} cannot be counted, its output has shape {layer.output_shape}: "
            "build the model with a fixed input_shape."
        )
    return prod(sizes) * sum(prod(kernel.shape) for kernel in kernels)


def elastic_link_operations(model: Model, rule: str = "folded") -> int:
    """Element-wise operations that the links on 1x1 convolutions add, under a named counting rule.

    The paper reports about 8M for EL-ResNet50 at 224 px, and does not say how they were counted.

    # Arguments
        model: a `tf.keras.Model` with fixed image sizes.
        rule: "sum", "folded" or "naive", see `COUNTING_RULES`. Max-pools are not counted, and neither are the additions
            inside Squeeze, which the paper takes for address mapping; nor are links without gamma.

    >>> from larq_el import zoo
    >>> model = zoo.ELResNet50()
    >>> [round(elastic_link_operations(model, rule) / 1e6, 1) for rule in ("sum", "folded", "naive")]
    [6.9, 9.7, 13.8]
    """
    if rule not in COUNTING_RULES:
        raise UserError(f"there is no counting rule {rule!r}; {closest(rule, COUNTING_RULES)}")
    total = 0
    for layer in model.layers:
        if not isinstance(layer, ElasticLink) or layer.gamma is None:
            continue
        (_, height, width, channels), (*_, real_channels) = layer.input_shape
        if None in (height, width):
            raise UserError(
                f"the operations of layer {layer.name!r} cannot be counted: give the model a fixed input_shape."
            )
        narrow = min(channels, real_channels)
        scaled = {"sum": 0, "folded": narrow, "naive": channels}[rule]
        total += height * width * (channels + scaled)
    return total
