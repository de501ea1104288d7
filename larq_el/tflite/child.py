"""The process in which `larq_el.tflite.probe` runs a flatbuffer: `python -m larq_el.tflite.child FOLDER RUNTIME BYTES`.

It reads `model.tflite` and the arrays of `inputs` from the folder and writes the arrays of `outputs` there. What a
runtime refuses is printed, and the exit status is `REFUSED`; a crash is a crash.
"""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

REFUSED = 3
"""Exit status where the runtime refuses the file."""
FILES = ("model.tflite", "inputs", "outputs")


def lce_library() -> Path | None:
    """The library of LCE's interpreter, which can be loaded without TensorFlow; None where there is none."""
    found = importlib.util.find_spec("larq_compute_engine")
    folder = Path(next(iter(found.submodule_search_locations or []))) if found else Path()
    return next((folder / "tflite" / "python").glob("interpreter_wrapper_lite*"), None)


def write_arrays(path: Path, arrays: list[np.ndarray]) -> None:
    """Writes arrays one behind another."""
    with path.open("wb") as file:
        for array in arrays:
            np.lib.format.write_array(file, np.asarray(array, order="C"), allow_pickle=False)


def read_arrays(path: Path) -> list[np.ndarray]:
    """Reads what `write_arrays` wrote."""
    arrays, size = [], path.stat().st_size
    with path.open("rb") as file:
        while file.tell() < size:
            arrays.append(np.lib.format.read_array(file, allow_pickle=False))
    return arrays


Run = Callable[[list[np.ndarray]], list[np.ndarray]]


def _lce(content: bytes, indirect: bool) -> tuple[Run, list[tuple[int, ...]], list[Any]]:
    library = lce_library()
    assert library is not None  # the parent has looked for it
    spec = importlib.util.spec_from_file_location("interpreter_wrapper_lite", library)
    assert spec is not None
    assert spec.loader is not None
    wrapper = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(wrapper)
    model = wrapper.LiteInterpreter(content, 1, False, indirect, False)
    return model.predict, [tuple(shape) for shape in model.input_shapes], list(model.input_types)


def _litert(content: bytes, native: bool) -> tuple[Run, list[tuple[int, ...]], list[Any]]:
    from larq_el.runtime.interpreter import stock_interpreter
    from larq_el.runtime.stock import stock_runtime

    if native:
        model = stock_interpreter(content)
    else:
        model = stock_runtime().Interpreter(model_content=content, num_threads=1)
        model.allocate_tensors()
    inputs, outputs = model.get_input_details(), model.get_output_details()

    def run(values: list[np.ndarray]) -> list[np.ndarray]:
        for detail, array in zip(inputs, values, strict=True):
            model.set_tensor(detail["index"], array)
        model.invoke()
        return [model.get_tensor(detail["index"]) for detail in outputs]

    return run, [tuple(map(int, detail["shape"])) for detail in inputs], [detail["dtype"] for detail in inputs]


def _run(folder: Path, runtime: str) -> None:
    content, inputs = (folder / FILES[0]).read_bytes(), read_arrays(folder / FILES[1])
    if runtime.startswith("lce"):
        run, shapes, types = _lce(content, indirect=runtime == "lce-indirect")
    else:
        run, shapes, types = _litert(content, native=runtime == "native")
    inputs = inputs or [np.zeros(shape, kind) for shape, kind in zip(shapes, types, strict=True)]
    size = shapes[0][0] if shapes and shapes[0] else 1
    parts = [
        # LCE's interpreter gives views of its own memory
        [np.array(values) for values in run([np.ascontiguousarray(array[at : at + size]) for array in inputs])]
        for at in range(0, len(inputs[0]) if inputs and inputs[0].ndim else 1, size)
    ]
    joined = [np.concatenate(values) if values[0].ndim else values[0] for values in zip(*parts, strict=True)]
    write_arrays(folder / FILES[2], joined)


def main() -> None:
    """Runs one flatbuffer."""
    folder, runtime, most_bytes = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    try:
        _run(folder, runtime)
    except Exception as error:  # whatever a runtime raises
        print(" ".join(str(error).split()) or type(error).__name__)
        sys.exit(REFUSED)


if __name__ == "__main__":
    main()
