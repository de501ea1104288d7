"""The grids of LCE's own tests; `python tests/runtime/lce_grid.py` prints how many runs they are."""

import lce_grid
import numpy as np
import pytest


@pytest.mark.parametrize("name", lce_grid.GRIDS)
def test_each_grid_equals_lce(name):
    results = [lce_grid.run(*of_input, seed=1) for of_input in lce_grid.GRIDS[name]()]
    assert sum(result.runs for result in results) >= 100
    assert [case for result in results for case in result.different] == []


def test_the_grids_are_as_large_as_those_of_lce():
    """Counted from the lists in LCE's tests, without the combinations whose groups are uneven."""
    sizes = {name: sum(len(cases) for *_, cases in grid()) for name, grid in lce_grid.GRIDS.items()}
    # inputs and filters, strides, dilations, paddings, activations, outputs
    big = (7 * 9 + lce_grouped(2) + lce_grouped(4)) * 2 * 2 * 3 * 2 * 3
    assert sizes["bconv2d BigTest"] == big
    assert sizes["bconv2d 16BitOverflow"] == 2 * 2 * 3
    assert sizes["bmaxpool"] == 6 * 4 * 3 * 2
    assert sizes["quantize"] == 8 * 3 * 3


def lce_grouped(groups):
    """Pairs of BigTest's channels and filters that split into groups of whole words."""
    channels, filters = (4, 64, 96, 128, 192, 256, 512), (1, 1, 2, 3, 4, 5, 6, 7, 32)
    return sum(c % (32 * groups) == 0 and f % groups == 0 for c in channels for f in filters)


def test_a_difference_is_seen(monkeypatch):
    """A grid that cannot fail would prove nothing."""

    def next_floats(*arguments):
        outputs = lce_grid.reference_outputs(*arguments[:2])
        return [np.nextafter(values, np.inf, dtype=values.dtype) for values in outputs]

    monkeypatch.setattr(lce_grid, "native_outputs", next_floats)
    case = next(case for case in next(lce_grid.convolutions("SmallTest"))[2] if case.output == "float")
    result = lce_grid.run((1, 4, 4, 4), "float", [case])
    assert result.different.total() == result.runs > 0
