"""What a runtime computes inside a flatbuffer, for a batch."""

import functools
from dataclasses import dataclass, field

import numpy as np

from larq_el.convert.proof.lockstep import is_bits
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.operators import QUANTIZE
from larq_el.tflite.probe import Trial

INDIRECT = "lce-indirect"
MOST_SHOWN = 2 << 30
"""Bytes of tensors that are looked at in a runtime."""


@dataclass
class Inside:
    """Inferences of a flatbuffer that show the tensors inside; they begin at once, elsewhere.

    # Arguments
        name: of the model, for messages.
        flatbuffer: its conversion.
        batch: whole batches of each input, of its type, in the flatbuffer's order.
        runtime: a name of `larq_el.tflite.probe.NAMES`.
        everything: whether to show all that is computed; see `shown_tensors`.
    """

    name: str
    flatbuffer: Flatbuffer
    batch: list[np.ndarray]
    runtime: str = INDIRECT
    everything: bool = True
    _trial: Trial = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._shown = shown_tensors(self.flatbuffer, everything=self.everything)
        content = self.flatbuffer.with_outputs(self._shown)
        self._trial = Trial(content, self.batch, runtime=self.runtime, name=repr(self.name))

    @functools.cached_property
    def values(self) -> dict[int, np.ndarray]:
        """The tensors as they are stored, by their indices.

        # Raises
            ValueError: `TrialError` where the runtime does not run the file.
        """
        return dict(zip(self._shown, self._trial.outputs(), strict=True))

    def close(self) -> None:
        """Ends the inferences, where they have not come to their end."""
        self._trial.close()


def shown_tensors(flatbuffer: Flatbuffer, *, everything: bool) -> list[int]:
    """Tensors inside a flatbuffer to look at; its outputs come last.

    # Arguments
        flatbuffer: the model.
        everything: whether to look at all that is computed; a runtime that fuses operators cannot fuse them then. If
            not, or where that is too much, what signs are taken of, and the signs that convolutions give.
    """
    shown: dict[int, None] = {}
    for operator in flatbuffer.operators:
        if operator.name == QUANTIZE and operator.input(0).dtype == "float32":
            shown[operator.input(0).index] = None
        for tensor in operator.outputs:
            if everything or (is_bits(flatbuffer, tensor.index) and operator.name != QUANTIZE):
                shown[tensor.index] = None
    computed = [at for at in shown if flatbuffer.tensors[at].data is None and at in flatbuffer.producers]
    size = 4 * sum(int(np.prod(flatbuffer.tensors[at].shape)) for at in computed)
    if everything and size > MOST_SHOWN:
        return shown_tensors(flatbuffer, everything=False)
    return list(dict.fromkeys([*computed, *flatbuffer.outputs]))
