"""Mean and deviation of what stands between layers, as far as layers and weights tell: which signs would nearly all be
the same, and where activations grow with each block.

Everything is taken as normally distributed and independent. That is rough, and enough to tell a sign that reads a
max-pool (93 % of +1 behind 2x2, 99 % behind 3x3) from one that reads a BatchNorm.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, reduce
from math import prod, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np

from larq_el._keras import Tensor, keras, tf
from larq_el.binarizing import operators
from larq_el.binarizing.graph import Call, Graph, Value, values_in
from larq_el.binarizing.units import Placement, by_call
from larq_el.layers.elastic_link import gamma_init
from larq_el.zoo.steps import pair

SAME_SIGN = 0.9
"""Share of equal signs from which on they are centred."""
NEVER_NEGATIVE = 0.999
"""Share from which on nothing is negative."""
LARGE = 50.0
"""Magnitude from which on a unit reads a normalized input; the paper's deepest network stays below it."""
POINTS = np.array([NormalDist().inv_cdf((index + 0.5) / 256) for index in range(256)], np.float32)
"""A normal distribution in 256 equal parts."""


@dataclass(frozen=True)
class Moments:
    """Mean and standard deviation.

    # Attributes
        mean, std: see there.
        known: part of the values that are not negative, where an activation says it; None for a normal distribution's.
    """

    mean: float
    std: float
    known: float | None = None

    @property
    def share(self) -> float:
        """Part of the values that are not negative."""
        if self.known is not None:
            return self.known
        return 1 - NormalDist(self.mean, max(self.std, 1e-9)).cdf(0)

    @property
    def magnitude(self) -> float:
        """Root of the mean square."""
        return sqrt(self.mean**2 + self.std**2)


UNIT = Moments(0.0, 1.0)


def settle_inputs(graph: Graph, placements: list[Placement]) -> None:
    """Centres signs that would nearly all be the same, and normalizes inputs that would be large.

    # Arguments
        graph: with the placements' calls in it.
        placements: changed in place, and noted.
    """
    of_call = by_call(placements)
    found: dict[Value, Moments] = {value: UNIT for value, _ in graph.inputs}
    for call in graph.calls:
        if call in of_call:
            read = found[call.inputs[0]]
            if _settle(of_call[call], read):
                read = UNIT
            found[call.output] = _behind_unit(of_call[call], read)
        else:
            moments = _behind(call, [found.get(value, UNIT) for value in call.inputs])
            found.update(dict.fromkeys(values_in(call.outputs), moments))


def _settle(placement: Placement, read: Moments) -> bool:
    """Decides for one unit; whether its input is normalized."""
    if placement.normalized or read.magnitude > LARGE:
        if not placement.normalized:
            placement.normalized = True
            placement.notes.append(f"its input is normalized: it would be some {read.magnitude:.0f}, and grow")
        return True
    if {"norm", "centre"} & set(placement.before_conv):
        return False
    if not 1 - SAME_SIGN < read.share < SAME_SIGN:
        placement.centred()
        placement.notes.append(f"its sign is centred: {read.share:.0%} would be +1")
    return False


def _behind_unit(placement: Placement, read: Moments) -> Moments:
    """What a unit gives; its convolution is normalized, or taken to be."""
    if not placement.is_linked:
        return UNIT
    channels, filters = placement.channels, placement.conv.filters
    strides = pair(placement.conv.strides)
    if max(strides) > 1:
        read = _largest_of(read, prod(strides))
    groups = gamma_init(channels, filters)
    gamma = 1 if placement.unit.link == "plain" else groups
    if channels > filters:
        read = Moments(read.mean * groups / gamma, read.std * sqrt(groups) / gamma)
    elif channels < filters:
        read = Moments(read.mean / gamma, read.std / gamma)
    return _sum([UNIT, read])


def _all_positive(parts: list[Moments]) -> float | None:
    """What is known of a combination of parts: that it is not negative where none of them is."""
    return 1.0 if all(part.share > NEVER_NEGATIVE for part in parts) else None


def _sum(parts: list[Moments]) -> Moments:
    std = sqrt(sum(part.std**2 for part in parts))
    return Moments(sum(part.mean for part in parts), std, _all_positive(parts))


def _product(one: Moments, other: Moments) -> Moments:
    mean = one.mean * other.mean
    std = sqrt(max(one.magnitude**2 * other.magnitude**2 - mean**2, 0.0))
    return Moments(mean, std, _all_positive([one, other]))


def _mixture(parts: list[Moments]) -> Moments:
    mean = float(np.mean([part.mean for part in parts]))
    std = sqrt(max(float(np.mean([part.magnitude**2 for part in parts])) - mean**2, 0.0))
    return Moments(mean, std, float(np.mean([part.share for part in parts])))


@cache
def _largest(count: int) -> Moments:
    """Of that many normal values the largest one."""
    draws = np.random.RandomState(0).randn(20_000, count).max(axis=1)
    return Moments(float(draws.mean()), float(draws.std()))


def _largest_of(read: Moments, count: int) -> Moments:
    largest = _largest(count)
    return Moments(read.mean + read.std * largest.mean, read.std * largest.std, _all_positive([read]))


def _behind(call: Call, read: list[Moments]) -> Moments:
    """What a layer gives."""
    layer = call.layer
    if not read:
        return UNIT
    if (norm := _normalized(layer)) is not None:
        return norm
    if operators.has_kernel(call):
        return _convolved(layer, read[0])
    if (count := operators.max_pooled(call)) > 1:
        return _largest_of(read[0], count)
    if isinstance(layer, keras.layers.AveragePooling2D):
        return replace(read[0], std=read[0].std / sqrt(prod(layer.pool_size)))
    if operators.is_product(call):
        return reduce(_product, read)
    if len(read) > 1:
        mixed = operators.is_concatenation(call) or operators.is_merging(call)
        return _mixture(read) if mixed else _sum(read)
    return read[0] if operators.is_moving(call) else _computed(call, read[0])


def _normalized(layer: Any) -> Moments | None:
    """Of a layer that normalizes: what its factors and offsets say."""
    if not isinstance(layer, keras.layers.BatchNormalization | keras.layers.LayerNormalization):
        return None
    gamma = 1.0 if layer.gamma is None else layer.gamma.numpy()
    beta = 0.0 if layer.beta is None else layer.beta.numpy()
    return Moments(float(np.mean(beta)), sqrt(float(np.mean(np.square(gamma)) + np.var(beta))))


def _convolved(layer: Any, read: Moments) -> Moments:
    """What a kernel makes of independent values."""
    weights = [weight for weight in layer.get_weights() if weight.ndim > 1]
    gain = prod(float(np.square(kernel).sum() / kernel.shape[-1]) for kernel in weights)
    if operators.is_depthwise(layer):
        gain /= layer.depthwise_kernel.shape[-2]
    moments = Moments(0.0, sqrt(gain) * read.magnitude)
    activation = getattr(getattr(layer, "layer", layer), "activation", None)
    return moments if activation is None else _through(activation, moments, 4)


def _through(function: Callable[[Tensor], Tensor], read: Moments, rank: int) -> Moments:
    """What an element-wise function makes of a normal distribution, by trying it; what it reads where that fails."""
    points = tf.reshape(read.mean + read.std * POINTS, [-1] + [1] * (rank - 1))
    try:
        values = np.asarray(function(points), np.float64)
    except Exception:  # a layer that is not element-wise after all, or takes another type or number of channels
        return read
    if not np.all(np.isfinite(values)):
        return read
    return Moments(float(values.mean()), float(values.std()), float(np.mean(values >= 0)))


def _computed(call: Call, read: Moments) -> Moments:
    """What a layer of one input makes of a normal distribution."""
    if call.inputs[0].shape != call.output.shape:
        return read

    def compute(points: Tensor) -> Tensor:
        args, kwargs = tf.nest.map_structure(
            lambda leaf: points if isinstance(leaf, Value) else leaf, (call.args, call.kwargs)
        )
        # the layer's own call: calling the layer would leave a trace in the model that was given
        return (call.make or call.layer.call)(*args, **kwargs)

    return _through(compute, read, len(call.inputs[0].shape))
