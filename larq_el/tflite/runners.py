"""The runtimes that run a flatbuffer in this process, by the names that all commands know."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from larq_el.errors import UserError, closest, one_line
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.operators import LCE_OPERATORS
from larq_el.tflite.probe import check_runs, is_installed

Arrays = list[np.ndarray]


@dataclass(frozen=True)
class Loaded:
    """A flatbuffer in a runtime, ready to run.

    # Attributes
        predict: from a batch of each input, of its type, to the arrays of the outputs.
        timed: from a batch of each input to a function that computes them once, for timings.
    """

    predict: Callable[[Arrays], Arrays]
    timed: Callable[[Arrays], Callable[[], Any]]


@dataclass(frozen=True)
class Runner:
    """A runtime.

    # Attributes
        name: on the command line.
        title: in a sentence.
        install: what to do where it is not installed.
        load: from a flatbuffer and a number of threads.
    """

    name: str
    title: str
    install: str
    load: Callable[[Flatbuffer, int], Loaded]


def _lce(indirect: bool) -> Callable[[Flatbuffer, int], Loaded]:
    def load(flatbuffer: Flatbuffer, num_threads: int) -> Loaded:
        from larq_el.tflite.lce import interpreter

        # with XNNPACK for the float part; its one call copies the input and the output too
        loaded = interpreter(flatbuffer.content, num_threads=num_threads, indirect=indirect, xnnpack=True)
        run = loaded.interpreter.predict
        # it gives views of its own memory
        return Loaded(lambda inputs: list(map(np.array, run(inputs))), lambda inputs: lambda: run(inputs))

    return load


def _stock(flatbuffer: Flatbuffer, num_threads: int) -> Loaded:
    from larq_el.runtime.stock import stock_runtime

    try:
        model = stock_runtime().Interpreter(model_content=flatbuffer.content, num_threads=num_threads)
        model.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise UserError(f"the stock runtime cannot run the model: {one_line(error)}.") from error
    return _litert(model)


def _native(flatbuffer: Flatbuffer, num_threads: int) -> Loaded:
    from larq_el.runtime.interpreter import stock_interpreter

    return _litert(stock_interpreter(flatbuffer.content, num_threads=num_threads))


def _litert(model: Any) -> Loaded:
    inputs, outputs = model.get_input_details(), model.get_output_details()

    def timed(arrays: Arrays) -> Callable[[], Any]:
        for detail, array in zip(inputs, arrays, strict=True):
            model.set_tensor(detail["index"], array)
        return model.invoke

    def predict(arrays: Arrays) -> Arrays:
        timed(arrays)()
        return [model.get_tensor(detail["index"]) for detail in outputs]

    return Loaded(predict, timed)


_CONVERT = "install what converts with `pip install larq-compute-engine tensorflow` on x86-64 Linux or arm64 macOS"
_LITERT = "install it with `pip install ai-edge-litert`"
RUNNERS = {
    runner.name: runner
    for runner in (
        Runner("lce", "LCE's interpreter", _CONVERT, _lce(indirect=False)),
        Runner("lce-indirect", "LCE's interpreter with its indirect kernel", _CONVERT, _lce(indirect=True)),
        Runner("native", "the native runtime", f"{_LITERT}, and build its library with native/build.py", _native),
        Runner("stock", "the stock runtime", _LITERT, _stock),
    )
}


def runner(name: str) -> Runner:
    """A runtime by its name.

    # Arguments
        name: a name of `RUNNERS`.

    # Raises
        ValueError: where there is none of that name, or it is not installed.
    """
    if name not in RUNNERS:
        raise UserError(f"there is no runtime {name!r}; {closest(name, RUNNERS)}")
    if not is_installed(name):
        here = [other for other in RUNNERS if is_installed(other)]
        others = f"; installed here: {', '.join(here)}" if here else ""
        raise UserError(f"runtime {name!r} is not installed: {RUNNERS[name].install}{others}.")
    return RUNNERS[name]


def fitting(flatbuffer: Flatbuffer) -> list[str]:
    """Names of the runtimes that have the operators of a flatbuffer, the fastest of LCE's operators last.

    # Arguments
        flatbuffer: the model.
    """
    binary = any(operator.name in LCE_OPERATORS for operator in flatbuffer.all_operators)
    return ["lce", "lce-indirect", "native"] if binary else ["stock"]


def installed(names: Sequence[str]) -> list[str]:
    """Those that are installed.

    # Arguments
        names: of `RUNNERS`.

    # Raises
        ValueError: where none is.
    """
    found = [name for name in names if is_installed(name)]
    if not found:
        runner(names[-1])
    return found


def started(flatbuffer: Flatbuffer, name: str, num_threads: int = 1) -> Loaded:
    """A flatbuffer in a runtime, after one inference in a process of its own: some end the process that runs them.

    # Arguments
        flatbuffer: the model.
        name: of `RUNNERS`.
        num_threads: of the runtime.

    # Raises
        ValueError: where the runtime is not installed, lacks an operator of the model, or refuses it.
    """
    chosen = runner(name)
    foreign = sorted({one.name for one in flatbuffer.all_operators if one.name in LCE_OPERATORS})
    if name == "stock" and foreign:
        raise UserError(f"{flatbuffer.name} holds {foreign[0]}, which the stock runtime cannot run; use 'native'.")
    check_runs(flatbuffer.content, flatbuffer.name, runtime=name)
    return chosen.load(flatbuffer, num_threads)
