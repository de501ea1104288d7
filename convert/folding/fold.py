"""All foldings, one after another."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from larq_el.convert.folding.changes import ENTRY, Change, written
from larq_el.convert.folding.channels import fold_products, fold_shifts
from larq_el.convert.folding.factors import fold_factors
from larq_el.convert.folding.signs import fold_signs
from larq_el.convert.folding.zeros import drop_zeros
from larq_el.tflite.editor import Editor
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.operators import BCONV


@dataclass
class Folded:
    """A flatbuffer with less to compute.

    # Attributes
        flatbuffer: the model.
        operators: how many operators of each kind are gone.
        changes: of tensors that hold other values than before, by their indices.
    """

    flatbuffer: Flatbuffer
    operators: dict[str, int] = field(default_factory=dict)
    changes: dict[int, Change] = field(default_factory=dict)


def fold(flatbuffer: Flatbuffer) -> Folded:
    """Takes out of a flatbuffer what its inference does not need.

    # Arguments
        flatbuffer: a model. One with several graphs, no binary convolution or nothing to take out comes back
            as it is.
    """
    editor = Editor(flatbuffer)
    before = editor.view()
    if len(before.graphs) != 1 or not any(operator.name == BCONV for operator in before.operators):
        return Folded(flatbuffer)
    drop_zeros(before, editor)
    changes: defaultdict[int, Change] = defaultdict(Change)
    while scales := fold_products(editor.view(), editor):
        for tensor, factor in scales.items():
            changes[tensor] = changes[tensor].multiplied(factor)
    while shifts := fold_shifts(editor.view(), editor):
        for tensor, shift in shifts.items():
            changes[tensor] = changes[tensor].shifted(shift)
    for tensor, factor in fold_signs(editor.view(), editor).items():
        changes[tensor] = changes[tensor].multiplied(factor)
    for tensor, one in fold_factors(editor.view(), editor).items():
        changes[tensor] = changes[tensor].multiplied(one)
    after = editor.view()
    gone = Counter(operator.name for operator in before.operators)
    gone.subtract(operator.name for operator in after.operators)
    if not gone.total():
        return Folded(flatbuffer)
    left = {index: change for index, change in changes.items() if index in after.producers and not change.is_none}
    editor.note(ENTRY, written(left))
    return Folded(editor.finish(), {name: count for name, count in gone.items() if count}, left)
