"""Proves that a flatbuffer computes what its Keras model computes, in each runtime that can run it."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from larq_el.convert.folding import changes_of
from larq_el.convert.proof.blame import is_opaque, random_layers, reason_of, suspects
from larq_el.convert.proof.bounds import BOUNDS, Bound
from larq_el.convert.proof.inside import INDIRECT, Inside
from larq_el.convert.proof.lockstep import Lockstep, run_in_step
from larq_el.convert.report.report import Proof, Report
from larq_el.convert.verification.ports import ports_of
from larq_el.errors import DifferenceError
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.operators import QUANTIZE
from larq_el.tflite.probe import TrialError, is_installed
from larq_el.tflite.runtimes import LCE, OWN, STOCK, needs_indirect

MOST_DRAWN = 24
"""Tensors that are tried for what a random layer drew."""
TITLES = {INDIRECT: f"{LCE} (indirect kernel)", "lce": LCE, "native": OWN, "stock": STOCK}


@dataclass
class Prover:
    """A proof under way: the runtimes begin when it is made, and `proof` compares what they compute.

    # Arguments
        model: a `tf.keras.Model` of float32.
        flatbuffer: its conversion.
        report: of the flatbuffer; what it calls faulty is no news.
        batch: whole batches of each input, of its type, in the flatbuffer's order.
        float_ops: what the float rest computes with.
        inside: what LCE's indirect kernel computes of the batch, where it was begun before.
    """

    model: Any
    flatbuffer: Flatbuffer
    report: Report
    batch: list[np.ndarray]
    float_ops: str = "float32"
    inside: Inside | None = None
    _insides: dict[str, Inside] = field(default_factory=dict)
    _random: dict[str, None] = field(default_factory=dict)
    _unproven: dict[str, None] = field(default_factory=dict)
    _varying: set[str] | None = None

    def __post_init__(self) -> None:
        if self.inside is not None:
            self._insides[INDIRECT] = self.inside
        for runtime in _runtimes(self.flatbuffer, self.report):
            if runtime not in self._insides:
                everything = self.float_ops != "float32" or runtime == INDIRECT
                self._insides[runtime] = Inside(self.model.name, self.flatbuffer, self.batch, runtime, everything)

    def proof(self) -> Proof:
        """What is proven.

        # Raises
            ValueError: `DifferenceError` where a layer computes something else; `UserError` where LCE cannot run the
                file.
        """
        try:
            return self._compared()
        finally:
            self.close()

    def close(self) -> None:
        """Ends what has not come to its end."""
        for inside in self._insides.values():
            inside.close()

    def _compared(self) -> Proof:
        inputs, _ = ports_of(self.model, self.flatbuffer)
        order = [self.flatbuffer.inputs.index(tensor) for tensor in inputs]
        given = [self.flatbuffer.real(tensor, self.batch[at]) for tensor, at in zip(inputs, order, strict=True)]
        proven: dict[str, dict[int, np.ndarray]] = {}
        refused, compared = {}, 0
        for runtime, inside in self._insides.items():
            try:
                values = inside.values
            except TrialError as error:
                if runtime == INDIRECT:
                    raise
                refused[TITLES[runtime]] = error.reason
                continue
            if not any(_equal(values, known) for known in proven.values()):
                compared = max(compared, len(self._judged(runtime, given, values).found))
            proven[runtime] = values
        return Proof(
            len(given[0]) if given else 0,
            tuple(TITLES[runtime] for runtime in proven),
            compared,
            tuple(self._random),
            tuple(self._unproven),
            refused,
        )

    def _judged(self, runtime: str, given: list[np.ndarray], stored: dict[int, np.ndarray]) -> Lockstep:
        """Compares the model with what a runtime computed."""
        changes = changes_of(self.flatbuffer)
        values = {at: self.flatbuffer.real(at, array) for at, array in stored.items()}
        values = {at: changes[at].undone(array) if at in changes else array for at, array in values.items()}
        bound = BOUNDS[self.float_ops]
        _, outputs = ports_of(self.model, self.flatbuffer)
        got = [values[at] for at in outputs]
        known: dict[int, np.ndarray] = {}
        while True:
            run = run_in_step(self.model, given, self.flatbuffer, values, bound, known)
            wrong = _wrong(run, got, bound)
            calls = suspects(run, wrong)
            random = [at for at in calls if run.calls[at].layer.name in self._random_layers(given)]
            tried = next((at for at in random if at not in known), None)
            if tried is None:
                break
            self._random[run.calls[tried].layer.name] = None
            known[tried] = self._drawn(run, tried, given, values, got, known)
        layers = list({id(run.calls[at].layer): run.calls[at].layer for at in calls}.values())
        if random:  # what was drawn is nowhere to be seen, and with it goes what follows
            self._unproven.update(dict.fromkeys(layer.name for layer in layers))
            return run
        # a known one may be to blame though those before it are changed too: LCE moves its threshold into them
        to_blame = [layer for layer in layers if reason_of(layer)]
        if layers and (to_blame or not self._excused(layers, run)):
            self._refuse(runtime, to_blame or layers, [(run.outputs[at], got[at]) for at in wrong], bound)
        return run

    def _excused(self, layers: list[Any], run: Lockstep) -> bool:
        """Whether a difference is no news, or says nothing; then its layers are noted as not proven."""
        known = {conv.layer for conv in self.report.faulty} & {layer.name for layer in layers}
        opaque = {layer.name for layer in layers if is_opaque(layer)} if _hidden_signs(self.flatbuffer, run) else set()
        self._unproven.update(dict.fromkeys(sorted(known or opaque)))
        return bool(known or opaque)

    def _drawn(self, run: Lockstep, call: int, given: Any, values: Any, outputs: Any, known: Any) -> np.ndarray:
        """What a random layer drew in the flatbuffer: the tensor from which on the two agree the longest."""
        bound = BOUNDS[self.float_ops]
        size = int(np.prod(run.calls[call].output.shape))
        drawn = [array for array in values.values() if array.size == size and array.dtype.kind == "f"][-MOST_DRAWN:]
        own = np.asarray(run.calls[call].output)

        def agreeing(array: np.ndarray) -> tuple[int, int]:
            tried = run_in_step(self.model, given, self.flatbuffer, values, bound, {**known, call: array})
            return -len(_wrong(tried, outputs, bound)), sum(tried.equal)

        return max(drawn, key=agreeing, default=own)

    def _random_layers(self, given: list[np.ndarray]) -> set[str]:
        if self._varying is None:
            self._varying = random_layers(self.model, given)
        return self._varying

    def _refuse(self, runtime: str, layers: list[Any], outputs: list[tuple[Any, np.ndarray]], bound: Bound) -> None:
        names = f"{layers[0].name!r} ({type(layers[0]).__name__})"
        if len(layers) > 1:
            names += f", or one behind it up to {layers[-1].name!r},"
        reason = next((f": {reason}" for reason in map(reason_of, layers) if reason), "")
        raise DifferenceError(
            f"the flatbuffer of {self.model.name!r} does not compute what layer {names} computes, "
            f"{_distance(outputs, bound)}, in {TITLES[runtime]}{reason}; change that layer, or accept the file "
            "unproven (proof=False, --no-proof)."
        )


def _runtimes(flatbuffer: Flatbuffer, report: Report) -> Iterable[str]:
    """Those that the report calls able and that are here."""
    able = {runtime.name for runtime in report.runtimes if runtime.runs}
    binary = any(operator.name.startswith("Lce") for operator in flatbuffer.all_operators)
    names = [INDIRECT] if LCE in able else []
    if LCE in able and binary and not needs_indirect(flatbuffer.all_operators):
        names.append("lce")
    if OWN in able and binary:
        names.append("native")
    if STOCK in able and not binary:
        names.append("stock")
    return [name for name in names if is_installed(name)]


def _equal(values: dict[int, np.ndarray], known: dict[int, np.ndarray]) -> bool:
    """Whether a runtime computes what one computes that is proven, which spares running Keras once more."""
    bound = BOUNDS["float32"]
    return values.keys() <= known.keys() and all(bound.holds(known[at], array) for at, array in values.items())


def _wrong(run: Lockstep, got: list[np.ndarray], bound: Bound) -> list[int]:
    """The outputs that differ."""
    pairs = zip(map(np.asarray, run.outputs), got, strict=True)
    return [
        at for at, (expected, values) in enumerate(pairs) if not bound.holds(expected, values.reshape(expected.shape))
    ]


def _distance(outputs: list[tuple[Any, np.ndarray]], bound: Bound) -> str:
    shares = [bound.share(np.asarray(expected), values.reshape(expected.shape)) for expected, values in outputs]
    if type(bound) is Bound:
        return f"{max(shares):.1%} of the output's values differ"
    return f"the output's error is {max(shares):.2f} of what it varies by"


def _hidden_signs(flatbuffer: Flatbuffer, run: Lockstep) -> bool:
    """Whether the flatbuffer takes signs of what no layer of the model shows."""
    return any(
        operator.name == QUANTIZE and operator.input(0).index not in run.found for operator in flatbuffer.all_operators
    )


def with_proof(report: Report, proof: Proof) -> Report:
    """The report of a flatbuffer that is proven; a runtime that refused it is no longer called able."""
    runtimes = tuple(
        replace(runtime, refused=proof.refused.get(runtime.name, runtime.refused)) for runtime in report.runtimes
    )
    return replace(report, proof=proof, runtimes=runtimes)
