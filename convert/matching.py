"""Which Keras layer each convolution of a flatbuffer came from.

Names do not tell: LCE cuts them at 50 characters, and fused operators carry the name of what was fused last. The signs
of the kernel do: conversion leaves them as they are, but for a whole output channel that a folded BatchNorm turns over.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from larq_el._keras import Layer, Model, keras, lq
from larq_el.convert.report.advice import advice_for
from larq_el.convert.report.reasons import IMPOSSIBLE, why_float
from larq_el.convert.report.report import Convolution, Report
from larq_el.convert.report.structure import kernel_signs, structure
from larq_el.introspection import convolutions, is_binary_convolution, leaf_layers
from larq_el.tflite.flatbuffer import Flatbuffer


def report_for(model: Model, flatbuffer: Flatbuffer) -> Report:
    """The report of a flatbuffer, with its layers named after the Keras model that it was converted from.

    # Arguments
        model: the `tf.keras.Model`.
        flatbuffer: its conversion.
    """
    report = structure(flatbuffer)
    layers = match(leaf_layers(model), flatbuffer, report)
    named = tuple(_name(conv, layers.get(conv.place), flatbuffer) for conv in report.convolutions)
    return replace(
        report, convolutions=named, advice=advice_for(flatbuffer, {conv.place: conv.layer for conv in named})
    )


def _name(conv: Convolution, layer: Layer, flatbuffer: Flatbuffer) -> Convolution:
    graph = flatbuffer.graphs[conv.graph]
    operator = graph.operators[conv.node]
    if layer is None:
        return conv if conv.binary else replace(conv, reason=why_float(operator, graph))
    binary_in_keras = is_binary_convolution(layer)
    return replace(
        conv,
        layer=layer.name,
        binary_in_keras=binary_in_keras,
        reason="" if conv.binary else why_float(operator, graph, binary_in_keras=binary_in_keras),
        avoidable=binary_in_keras
        and not conv.binary
        and isinstance(layer, lq.layers.QuantConv2D)
        and conv.operator not in IMPOSSIBLE,
    )


def match(keras_layers: list[Any], flatbuffer: Flatbuffer, report: Report) -> dict[tuple[int, int], Any]:
    """The Keras layer of each convolution, by the convolution's `place`.

    First by the kernel's signs, each layer once, then those of layers that are called again; what is left, such as a
    kernel that int8 rounded to zeros, by its shape in the order of execution.

    # Arguments
        keras_layers: of the model, in the order of execution; one that is called several times, as often.
        flatbuffer: the conversion.
        report: of the flatbuffer's structure.
    """
    kinds = keras.layers.Conv2D | keras.layers.DepthwiseConv2D | keras.layers.Dense
    weighted = [layer for layer in keras_layers if isinstance(layer, kinds)]
    layers = [(layer, signs) for layer in weighted for signs in _signs(layer)]
    signs_of = {
        conv.place: kernel_signs(flatbuffer.graphs[conv.graph].operators[conv.node]) for conv in report.convolutions
    }
    found: dict[tuple[int, int], Any] = {}
    left = list(layers)
    # the second pass finds what shared layers compute again
    for candidates, exact in ((left, True), (layers, True), (left, False)):
        for place, signs in signs_of.items():
            if place in found or signs is None:
                continue
            for at, (layer, candidate) in enumerate(candidates):
                if candidate.shape == signs.shape and (not exact or np.array_equal(candidate, _upright(signs))):
                    found[place] = layer
                    if candidates is left:
                        del left[at]
                    break
    return found


def _signs(layer: Layer) -> list[np.ndarray]:
    """As `kernel_signs`, of each convolution of a Keras layer that has weights yet."""
    if not layer.built:
        return []
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        kernel = _values(layer.depthwise_kernel)
        return [_upright((kernel > 0).reshape(*kernel.shape[:2], 1, -1))]
    kernels = layer.quantized_kernels() if convolutions(layer) > 1 else [_values(layer.kernel)]
    return [
        _upright(np.reshape(kernel, (1, 1, *kernel.shape) if kernel.ndim == 2 else kernel.shape) > 0)
        for kernel in map(np.asarray, kernels)
    ]


def _values(variable: Any) -> np.ndarray:
    """A kernel as the layer multiplies with it: quantized where it has a quantizer."""
    with lq.context.quantized_scope(True):
        return np.asarray(keras.backend.get_value(variable + 0.0))


def _upright(signs: np.ndarray) -> np.ndarray:
    """Turns output channels over so that the first value of each is positive."""
    return signs == signs[:1, :1, :1]
