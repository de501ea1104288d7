"""Which runtimes can run a flatbuffer, and which operators keep it from the others."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.graph import Operator
from larq_el.tflite.operators import BCONV, LCE_OPERATORS, is_grouped
from larq_el.tflite.probe import Trial, TrialError, is_installed

STOCK = "LiteRT"
LCE = "Larq Compute Engine"
OWN = "larq_el.runtime"

TFLITE_CUSTOM = frozenset({"TFLite_Detection_PostProcess"})
"""Custom operators that TFLite's own resolver has."""
SELECT_TF = "Flex"
"""How the names of TensorFlow's operators begin; they need TensorFlow's kernels on the device."""
SECONDS = 10
"""For the inference of a model that is looked at."""


@dataclass(frozen=True)
class Runtime:
    """A runtime, and whether it can run a model.

    # Attributes
        name: "LiteRT" (the stock runtime), "Larq Compute Engine", or "larq_el.runtime" (the stock runtime with the
            native delegate).
        missing: operators of the model that it has no kernel for; it runs the model fully where there are none.
        note: what has to be set for it, "" for nothing.
        refused: what it said where it was tried and could not run the file, "" for nothing.
    """

    name: str
    missing: tuple[str, ...]
    note: str = ""
    refused: str = ""

    @property
    def runs(self) -> bool:
        """Whether it has a kernel for each operator, and did not refuse the file."""
        return not self.missing and not self.refused


def runtimes_of(operators: Iterable[Operator]) -> tuple[Runtime, ...]:
    """The runtimes, by the operators' names alone: what their kernels refuse shows when the model runs.

    # Arguments
        operators: of a flatbuffer.
    """
    operators = list(operators)
    custom = {operator.name for operator in operators if operator.custom} - TFLITE_CUSTOM
    unknown = tuple(sorted(custom - LCE_OPERATORS))
    grouped = needs_indirect(operators)
    return (
        Runtime(STOCK, tuple(sorted(custom))),
        Runtime(LCE, unknown, "--use_indirect_bgemm=true: its default kernel has no groups" if grouped else ""),
        Runtime(OWN, unknown),
    )


def tried(runtimes: Iterable[Runtime], flatbuffer: Flatbuffer) -> tuple[Runtime, ...]:
    """The runtimes after one inference of zeros in each that has all operators and is installed.

    Kernels check their options and shapes when they are prepared; no list of rules says as truly what they refuse.

    # Arguments
        runtimes: of the flatbuffer.
        flatbuffer: the model.
    """
    lce = "lce-indirect" if needs_indirect(flatbuffer.all_operators) else "lce"
    names = {STOCK: "stock", LCE: lce, OWN: "native"}
    runtimes = tuple(runtimes)
    trials = {
        runtime.name: Trial(flatbuffer.content, runtime=names[runtime.name], name="the file", seconds=SECONDS)
        for runtime in runtimes
        if runtime.runs and is_installed(names[runtime.name])
    }
    refused = {}
    for name, trial in trials.items():
        try:
            trial.outputs()
        except TrialError as error:
            if not error.unfinished:  # of zeros a loop may know no end
                refused[name] = error.reason
    return tuple(replace(runtime, refused=refused.get(runtime.name, runtime.refused)) for runtime in runtimes)


def needs_indirect(operators: Iterable[Operator]) -> bool:
    """Whether LCE runs a model by its indirect kernel alone: its default one has no groups.

    # Arguments
        operators: of a flatbuffer.
    """
    return any(operator.name == BCONV and is_grouped(operator) for operator in operators)
