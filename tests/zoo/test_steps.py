"""The register of steps."""

import inspect

import pytest

from larq_el import zoo
from larq_el.zoo.steps import CONVOLVING, STEPS, step


def test_every_step_says_what_it_computes():
    assert all(inspect.getdoc(function) for function in STEPS.values())


def test_every_step_of_a_method_is_registered_and_every_one_is_used():
    used = {
        name
        for method in zoo.METHODS.values()
        for unit in (*method.units.values(), method.resnet_stem, method.small_resnet_stem)
        if unit is not None
        for name in unit.steps
    } | {name for method in zoo.METHODS.values() for name in (*method.head, *filter(None, [method.activation]))}
    assert used | {"centre"} == STEPS.keys()  # which larq_el.binarize adds where a sign needs it
    assert STEPS.keys() >= CONVOLVING


def test_a_name_stands_for_one_step():
    with pytest.raises(ValueError, match="there are two steps 'norm': norm and other"):

        @step("norm")
        def other(y, site):
            return y
