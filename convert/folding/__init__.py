"""Takes out of a flatbuffer what its inference does not need.

LCE folds constants that stand directly behind a binary convolution. What stands further on is folded here: the
BatchNorm behind K or behind a sum of convolutions, Elastic-Link's gamma, the scale of a BatchNorm in front of a sign,
and branches that add zeros. What is left computes the same, but for rounding.
"""

from larq_el.convert.folding.changes import Change, changes_of
from larq_el.convert.folding.check import first_difference
from larq_el.convert.folding.fold import Folded, fold

__all__ = ["Change", "Folded", "changes_of", "first_difference", "fold"]
