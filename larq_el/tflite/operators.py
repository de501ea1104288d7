"""What is known of operators, LCE's above all, that concerns more than one module."""

import numpy as np

from larq_el.tflite.graph import Graph, Operator

BCONV, BMAXPOOL, QUANTIZE, DEQUANTIZE = "LceBconv2d", "LceBMaxPool2d", "LceQuantize", "LceDequantize"
LCE_OPERATORS = frozenset({BCONV, BMAXPOOL, QUANTIZE, DEQUANTIZE})
MULTIPLIER, BIAS = 2, 3
"""Positions of a binary convolution's inputs, behind its signs and its filter; thresholds follow."""
WORD = 32
"""Signs in a word."""
MOVING = frozenset(
    {"RESHAPE", "TRANSPOSE", "SQUEEZE", "EXPAND_DIMS", "CONCATENATION", "SPLIT", "SLICE", "STRIDED_SLICE", "GATHER"}
    | {"TILE", "PAD", "PADV2", "MIRROR_PAD", "MAX_POOL_2D"}
    | {"SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND", "SPACE_TO_DEPTH", "DEPTH_TO_SPACE"}
    | {"RESIZE_NEAREST_NEIGHBOR", "REVERSE_V2", "ROLL", "GATHER_ND", "BROADCAST_TO", "PACK", "UNPACK", "SPLIT_V"}
)
"""Operators that move values about: signs are still signs behind them."""
SAME = 0
"""TFLite's number for padding to the same size."""


def is_zero_padded(convolution: Operator) -> bool:
    """Whether a binary convolution stands zeros around its image, which are no signs.

    # Arguments
        convolution: an `LceBconv2d`.
    """
    return convolution.options.get("padding") == SAME and convolution.options.get("pad_values", 0) == 0


def is_grouped(convolution: Operator) -> bool:
    """Whether a binary convolution has groups: its filter then holds the words of one group.

    # Arguments
        convolution: an `LceBconv2d`.
    """
    return bool(WORD * convolution.input(1).shape[-1] < convolution.options.get("channels_in", 0))


def is_binary_depthwise(operator: Operator, graph: Graph) -> bool:
    """Whether an operator is a depthwise convolution of signs with a kernel of one magnitude a channel.

    LCE has none, and leaves it to a float operator; the delegate of `larq_el.runtime` counts bits.

    # Arguments
        operator: of the graph.
        graph: a graph of a TFLite model.
    """
    if operator.name != "DEPTHWISE_CONV_2D":
        return False
    image, kernel = operator.input(0), operator.input(1).data
    producer = graph.producers.get(image.index)
    if producer is not None and producer.name in ("PAD", "PADV2"):
        producer = graph.producers.get(producer.input(0).index)
    if producer is None or producer.name != DEQUANTIZE or kernel is None or kernel.dtype != np.float32:
        return False
    magnitudes = np.abs(kernel).reshape(-1, kernel.shape[-1])
    return bool(np.isfinite(magnitudes).all() and (magnitudes > 0).all() and (magnitudes == magnitudes[0]).all())
