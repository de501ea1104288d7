"""What a step is, where it stands, and the register of steps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from larq_el.zoo.methods import Unit


@dataclass(frozen=True)
class Conv:
    """What a backbone knows of a convolution: filters, square kernel size and stride in pixels, name of its layers.

    A depthwise convolution has as many filters as its input has channels. With a `group` each output channel sees that
    many input channels instead of one.
    """

    filters: int
    kernel_size: int
    strides: int
    name: str
    depthwise: bool = False
    group: int = 1


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
