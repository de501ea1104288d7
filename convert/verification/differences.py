"""How far a flatbuffer is from its Keras model, gathered batch by batch."""

from dataclasses import asdict, dataclass
from itertools import chain
from math import factorial
from typing import Any

import numpy as np

from larq_el.convert.verification.keras_calls import Call
from larq_el.convert.verification.layer_pairs import Pair
from larq_el.tables import Parts, Shown, Table
from larq_el.tflite.agreement import DIFFERS, agree, differences, differs

QUANTIZED = 0.03
"""The same of a layer that is computed with numbers of 8 bits, or gives them: a few steps of its range."""
WRONG = 1e-3
"""A layer is wrong where, on equal inputs, more than this share of its values differs."""
PARTED = 0.05
"""Two networks have parted where more than this share of a layer's values differs: signs near zero that float rounding
turned over in the layers before touch fewer in a trained network."""


@dataclass(frozen=True)
class LayerDifference:
    """How far a layer of the flatbuffer is from its Keras layer.

    # Attributes
        layer: the Keras layer's name (the convolution; its BatchNorm and activation are fused into it).
        max_abs_diff: largest difference of two values, both networks computing from the image.
        differing: share of the values that differ by more than `DIFFERS` then, 0 to 1; of quantized layers, by more
            than `QUANTIZED`.
        differing_alone: the same where Keras computes this layer from the flatbuffer's own input to it, so that no
            difference of earlier layers counts; None where there is no such input, as between bitpacked layers.
        quantized: whether it is computed with numbers of 8 bits, or gives them.
    """

    layer: str
    max_abs_diff: float
    differing: float
    differing_alone: float | None
    quantized: bool = False

    @property
    def wrong(self) -> bool:
        """Whether it computes something else: on equal inputs, and from the image.

        What agrees from the image is right: a factor before it may have been folded into its kernel.
        """
        return min(self.differing_alone or 0.0, self.differing) > (PARTED if self.quantized else WRONG)


@dataclass(frozen=True)
class OutputDifference:
    """How far an output of the flatbuffer is from the model's.

    # Attributes
        output: the Keras output's name.
        agreement: share of the samples with the same most likely class, 0 to 1; of an output without classes, with
            values that do not differ.
        max_abs_diff, mean_abs_diff: of the values.
    """

    output: str
    agreement: float
    max_abs_diff: float
    mean_abs_diff: float


@dataclass(frozen=True)
class Verification(Shown):
    """How a flatbuffer compares with its Keras model.

    # Attributes
        samples: number of samples.
        top1_agreement: share of the samples with the same most likely class, 0 to 1; of several outputs, the least.
        max_abs_diff, mean_abs_diff: of the outputs; of several, the largest.
        logits_max_abs_diff, logits_mean_abs_diff: of the classifier before its softmax; None where it is not found.
        layers: the convolutions and dense layers in the order of execution.
        min_agreement: the share that was asked for.
        outputs: each of the model's outputs, in its order.
    """

    samples: int
    top1_agreement: float
    max_abs_diff: float
    mean_abs_diff: float
    logits_max_abs_diff: float | None
    logits_mean_abs_diff: float | None
    layers: tuple[LayerDifference, ...]
    min_agreement: float
    outputs: tuple[OutputDifference, ...]

    @property
    def passed(self) -> bool:
        """Whether enough samples agree, and no layer is wrong: what has no effect on some samples has one on others."""
        return self.top1_agreement >= self.min_agreement and not any(layer.wrong for layer in self.layers)

    @property
    def parted_at(self) -> str | None:
        """The first layer that is wrong; if none is and too few samples agree, the first whose values have parted."""
        wrong = (layer.layer for layer in self.layers if layer.wrong)
        parted = (layer.layer for layer in self.layers if layer.differing > PARTED and not self.passed)
        return next(chain(wrong, parted), None)

    def parts(self) -> Parts:
        """Tables and sentences, which `print(verification)` shows, and a notebook."""
        rows = [
            [
                diff.layer,
                "" if diff.differing_alone is None else f"{diff.differing_alone:.3%}",
                f"{diff.differing:.3%}",
                f"{diff.max_abs_diff:.2e}",
            ]
            for diff in self.layers
        ]
        columns = ["layer", "differing, on equal inputs", "from the image", "max |difference|"]
        yield Table("Layers", columns, rows, frozenset(at for at, diff in enumerate(self.layers) if diff.wrong))
        logits = ""
        if self.logits_max_abs_diff is not None:
            logits = f", logits {self.logits_max_abs_diff:.2e} at most and {self.logits_mean_abs_diff:.2e} on average"
        for output in self.outputs:
            name = f" of {output.output!r}" if len(self.outputs) > 1 else ""
            yield (
                f"top-1 agreement{name} {output.agreement:.2%} of {self.samples} samples; outputs differ by "
                f"{output.max_abs_diff:.2e} at most and {output.mean_abs_diff:.2e} on average{logits}."
            )
        yield f"They part at {self.parted_at}." if self.parted_at else "No layer parts."

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "passed": self.passed, "parted_at": self.parted_at}


class Comparison:
    """Gathers the differences batch by batch.

    # Arguments
        pairs: the layers to compare.
        names: of the model's outputs.
    """

    def __init__(self, pairs: list[Pair], names: list[str]) -> None:
        self._pairs = pairs
        self._names = names
        self._agree: list[list[np.ndarray]] = [[] for _ in names]
        self._outputs: list[list[np.ndarray]] = [[] for _ in names]
        # for each layer and candidate: largest difference, number of values that differ, number of values, sum
        self._whole = [np.zeros((pair.count, 4)) for pair in pairs]
        self._alone = [np.zeros((factorial(len(pair.sources)) * pair.count, 4)) for pair in pairs]

    def add_outputs(self, expected: list[np.ndarray], got: list[np.ndarray]) -> None:
        """Compares the networks' outputs for one batch."""
        for at, (wanted, given) in enumerate(zip(expected, got, strict=True)):
            self._agree[at].append(agree(wanted, given))
            self._outputs[at].append(differences(wanted, given).ravel())

    def add_layers(self, calls: list[Call], got: dict[int, np.ndarray]) -> None:
        """Compares the layers for one batch: the calls of the Keras model with the tensors of the flatbuffer."""
        for pair, whole, alone in zip(self._pairs, self._whole, self._alone, strict=True):
            share = QUANTIZED if pair.quantized else DIFFERS
            for sums, values in zip(whole, pair.candidates(calls), strict=True):
                _add(sums, values, got[pair.output], share)
            if pair.sources:
                for sums, values in zip(alone, pair.alone([got[source] for source in pair.sources]), strict=True):
                    _add(sums, values, got[pair.output], share)

    def result(self, *, logits: bool, min_agreement: float) -> Verification:
        """The comparison of all batches; `logits`: whether the last layer is what a softmax is made of."""
        layers, last = [], None
        for pair, whole, alone in zip(self._pairs, self._whole, self._alone, strict=True):
            at = _nearest(alone if pair.sources else whole, whole)
            last = whole[at % len(whole)]
            differing_alone = float(alone[at][1] / alone[at][2]) if pair.sources else None
            differing = float(last[1] / last[2])
            layers.append(LayerDifference(pair.layer.name, float(last[0]), differing, differing_alone, pair.quantized))
        last = last if logits else None
        outputs = tuple(map(self._output, range(len(self._names))))
        return Verification(
            samples=sum(map(len, self._agree[0])),
            top1_agreement=min(output.agreement for output in outputs),
            max_abs_diff=max(output.max_abs_diff for output in outputs),
            mean_abs_diff=max(output.mean_abs_diff for output in outputs),
            logits_max_abs_diff=None if last is None else float(last[0]),
            logits_mean_abs_diff=None if last is None else float(last[3] / last[2]),
            layers=tuple(layers),
            min_agreement=min_agreement,
            outputs=outputs,
        )

    def _output(self, at: int) -> OutputDifference:
        difference = np.concatenate(self._outputs[at])
        agreement = float(np.concatenate(self._agree[at]).mean())
        return OutputDifference(self._names[at], agreement, float(difference.max()), float(difference.mean()))


def _nearest(sums: np.ndarray, whole: np.ndarray) -> int:
    """Which candidate the flatbuffer's tensor is: the one that is nearest.

    On equal inputs the calls of a shared layer compute the same: there the nearest from the image.
    """
    return min(range(len(sums)), key=lambda at: (sums[at][3], whole[at % len(whole)][3]))


def _add(sums: np.ndarray, expected: np.ndarray, got: np.ndarray, share: float) -> None:
    """Adds one batch to the sums of a layer's candidate."""
    got = got.reshape(expected.shape)
    difference = differences(expected, got)
    sums[0] = max(sums[0], difference.max(initial=0.0))
    sums[1:] += differs(expected, difference, share).sum(), difference.size, difference.sum()
