"""What a step is, where it stands, and the register of steps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from larq_el.zoo.methods import Unit

Pixels = int | tuple[int, int]
"""One number, or height and width."""


def pair(pixels: Pixels) -> tuple[int, int]:
    """Height and width.

    >>> pair(3), pair((1, 7))
    ((3, 3), (1, 7))
    """
    return pixels if isinstance(pixels, tuple) else (pixels, pixels)


@dataclass(frozen=True)
class Conv:
    """What a backbone knows of a convolution, and the name of its layers.

    # Attributes
        filters: output channels; a depthwise convolution has as many as its input.
        kernel_size, strides, dilation: in pixels, one number or (height, width).
        name: what the layers' names begin with.
        depthwise: whether each output channel sees one input channel, or `group` of them.
        group: see `depthwise`.
        padding: "same" or "valid".
        groups: parts of the channels that a convolution keeps apart.
    """

    filters: int
    kernel_size: Pixels
    strides: Pixels
    name: str
    depthwise: bool = False
    group: int = 1
    padding: str = "same"
    dilation: Pixels = 1
    groups: int = 1

    @property
    def window(self) -> tuple[int, int]:
        """Height and width of the kernel."""
        return pair(self.kernel_size)

    @property
    def border(self) -> tuple[int, int]:
        """By how many pixels an unpadded convolution's output is lower and narrower than its input, at stride 1."""
        (height, width), (down, right) = self.window, pair(self.dilation)
        return (height - 1) * down, (width - 1) * right


@dataclass(frozen=True)
class Site:
    """Where a step stands.

    # Attributes
        conv, unit: the convolution, and what the method makes of its role.
        pad_values: what a binary convolution pads with, 0 or 1.
        unit_input: real-valued input of the unit, (N, H, W, C).
        conv_input: real-valued input of the convolution itself; the same where "conv" is the first step.
    """

    conv: Conv
    unit: Unit
    pad_values: float
    unit_input: Any
    conv_input: Any


Step = Callable[[Any, Site], Any]
"""From what the steps before it gave, (N, H, W, C), and its site."""
STEPS: dict[str, Step] = {}
"""By the names that `Unit.steps` gives them."""
CONVOLVING: set[str] = set()
"""Names of those that are convolutions: what they read is the `conv_input` of the steps behind them."""


def step(name: str, *, convolves: bool = False) -> Callable[[Step], Step]:
    """Registers a function as a step.

    # Arguments
        name: that methods give it.
        convolves: whether it is the unit's convolution.
    """

    def register(function: Step) -> Step:
        if name in STEPS:
            raise ValueError(f"there are two steps {name!r}: {STEPS[name].__name__} and {function.__name__}.")
        STEPS[name] = function
        if convolves:
            CONVOLVING.add(name)
        return function

    return register
