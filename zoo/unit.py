"""The convolution unit: one convolution of a backbone, made of what a method says."""

from dataclasses import replace
from typing import Any

from larq_el.zoo.methods import Unit
from larq_el.zoo.steps import CONVOLVING, STEPS, Conv, Site


def conv_unit(x: Any, conv: Conv, unit: Unit, pad_values: float) -> Any:
    """Carries out the steps of a unit, such as `BN(K(x) * BinConv(sign x)) + SEI(x) / gamma`.

    # Arguments
        x: real-valued input, (N, H, W, C).
        conv: filters, kernel size, stride and name.
        unit: what the method makes of this role.
        pad_values: what a binary convolution pads with, 0 or 1.

    # Returns
        (N, ceil(H / strides), ceil(W / strides), filters).
    """
    site = Site(conv, unit, pad_values, unit_input=x, conv_input=x)
    y = x
    for step in unit.steps:
        if step in CONVOLVING:
            site = replace(site, conv_input=y)
        y = STEPS[step](y, site)
    return y


def apply_steps(x: Any, steps: tuple[str, ...], name: str) -> Any:
    """Carries out steps that have no convolution, such as BatchNorm and ReLU.

    # Arguments
        x: (N, H, W, C).
        steps: names of `STEPS`.
        name: what the layers' names begin with.

    # Returns
        (N, H, W, C).
    """
    return conv_unit(x, Conv(x.shape[-1], 1, 1, name), Unit(steps), 0.0)
