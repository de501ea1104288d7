"""Draws a block of a model for the terminal, from top to bottom, as `git log --graph` draws a history.

│      x: 28x28x64
├─╮
● │    1x1 binary, 16
● │    BatchNorm
├─╯
●      + squeeze(x) / gamma
"""

import re
from typing import Any

from larq_el._keras import Layer, Model, keras
from larq_el.introspection import convolutions, has_binary_kernel, is_binary_convolution
from larq_el.layers import ElasticLink

BLOCK = re.compile(r"(stage\d+_block\d+|pair\d+|block\d+)_")


def block_diagram(model: Model) -> str:
    """A drawing of the block that has the most layers; of several, the first.

    # Arguments
        model: a model of the zoo.

    # Returns
        Lines of text, the block's name first.

    >>> from larq_el import zoo
    >>> print(block_diagram(zoo.ELMobileNet(input_shape=(32, 32, 3))))
    pair1
    │     x: 32x32x32
    ├─╮
    ● │   3x3 depthwise binary, 32
    ● │   relu
    ● │   BatchNorm
    ├─╯
    ●     + identity
    ├─╮
    ● │   1x1 binary, 64
    ● │   relu
    ● │   BatchNorm
    ├─╯
    ●     + expand / gamma (initially 2)
    """
    blocks: dict[str, list[Any]] = {}
    for layer in model.layers:
        found = BLOCK.match(layer.name)
        if found:
            blocks.setdefault(found.group(1), []).append(layer)
    if not blocks:
        return ""
    name = max(blocks, key=lambda block: len(blocks[block]))
    return "\n".join([name, *_Drawing(blocks[name]).lines()])


class _Drawing:
    """The lanes of a drawing: each is named after the layer whose output is still needed further down."""

    def __init__(self, layers: list[Any]) -> None:
        self._layers = layers
        self._uses: dict[str, int] = {}
        self._lanes: list[str] = []
        self._rows: list[tuple[str, str]] = []
        inside = {layer.name for layer in layers}
        for layer in layers:
            for source, shape in _sources(layer).items():
                self._uses[source] = self._uses.get(source, 0) + 1
                if source not in inside and source not in self._lanes:
                    self._lanes.append(source)
                    self._rows.append(("│ " * len(self._lanes), f"x: {'x'.join(map(str, shape[1:]))}"))

    def lines(self) -> list[str]:
        """The rows, with the texts in one column."""
        for layer in self._layers:
            self._add(layer)
        width = max(len(graph) for graph, _ in self._rows) + 2
        return [f"{graph:{width}}{text}".rstrip() for graph, text in self._rows]

    def _add(self, layer: Layer) -> None:
        first, *others = _sources(layer)
        main = self._lanes.index(first)
        for source in (first, *others):
            self._uses[source] -= 1
        if self._uses[first] > 0:
            # the tensor goes on to the right, and the layer's own lane to the left
            self._rows.append((self._graph({main: "├─╮ "}), ""))
            self._lanes.insert(main, first)
        for source in others:
            main = self._join(main, len(self._lanes) - 1 - self._lanes[::-1].index(source), source)
        self._lanes[main] = layer.name
        self._rows.append((self._graph({main: "● "}), _label(layer)))

    def _join(self, main: int, at: int, source: str) -> int:
        """Draws a line between two lanes, of which the right one ends where nothing else needs `source`.

        Returns the lane in which the layer goes on.
        """
        left, right = sorted((main, at))
        ends = self._uses[source] == 0
        marks = {left: "├─", right: "╯ " if ends else "┤ "}
        self._rows.append((self._graph(marks, across=range(left + 1, right)), ""))
        if not ends:
            return main
        del self._lanes[right]
        return left

    def _graph(self, marks: dict[int, str], across: range = range(0)) -> str:
        lanes = ("┼─" if lane in across else marks.get(lane, "│ ") for lane in range(len(self._lanes)))
        return "".join(lanes)


def _sources(layer: Layer) -> dict[str, Any]:
    """The layers that a layer's inputs come from, with the tensors' shapes."""
    inputs = layer.input if isinstance(layer.input, list) else [layer.input]
    return {tensor._keras_history.layer.name: tensor.shape for tensor in inputs}


def _label(layer: Layer) -> str:
    """What a layer does, in a few words."""
    if isinstance(layer, ElasticLink):
        return _link_label(layer)
    if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
        kind = "binary" if is_binary_convolution(layer) else "binary kernel" if has_binary_kernel(layer) else "float"
        depthwise = "depthwise " if isinstance(layer, keras.layers.DepthwiseConv2D) else ""
        stride = f", stride {layer.strides[0]}" if layer.strides[0] > 1 else ""
        size = "x".join(map(str, layer.kernel_size))
        several = f"{convolutions(layer)} times " if convolutions(layer) > 1 else ""
        return f"{several}{size} {depthwise}{kind}, {layer.output.shape[-1]}{stride}"
    names = {"BatchNormalization": "BatchNorm", "Add": "+", "Multiply": "x", "ActivationScale": "K = mean |x|"}
    kind = type(layer).__name__
    if kind == "Activation":
        return str(layer.activation.__name__)
    return names.get(kind, kind)


def _link_label(layer: Layer) -> str:
    alone = not isinstance(layer.input, list)  # Table 4's link without its convolution
    real_channels, channels = (layer.input if alone else layer.input[1]).shape[-1], layer.output.shape[-1]
    kind = "squeeze" if real_channels > channels else "expand" if real_channels < channels else "identity"
    pool = "max-pool 2x2, " if layer.strides == 2 else ""
    gamma = "" if layer.gamma is None else f" / gamma (initially {float(layer.gamma):g})"
    return f"{'' if alone else '+ '}{pool}{kind}{gamma}"
