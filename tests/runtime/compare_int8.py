"""Compares int8 convolutions of the delegate with those of whatever stock runtime is installed, on every kernel.

python compare_int8.py FOLDER: FOLDER/name.tflite and name.npy (samples). Prints, as JSON, by model and kernel, the
share of the outputs' values that differ, and by how much of the largest.
"""

import json
import sys
from pathlib import Path

import numpy as np

from larq_el.runtime import available_isas, load_delegate
from larq_el.runtime.interpreter import stock_interpreter


def outputs(path: Path, samples: np.ndarray, **options: str) -> list[np.ndarray]:
    interpreter = stock_interpreter(path.read_bytes(), delegate=load_delegate(**options))
    detail = interpreter.get_input_details()[0]
    interpreter.resize_tensor_input(detail["index"], samples.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(detail["index"], samples)
    interpreter.invoke()
    return [interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()]


def main() -> None:
    different: dict[str, dict[str, tuple[float, float]]] = {}
    for path in sorted(Path(sys.argv[1]).glob("*.tflite")):
        samples = np.load(path.with_suffix(".npy"))
        found = different[path.stem] = {}
        for isa in available_isas():
            here, there = (outputs(path, samples, isa=isa, int8=int8) for int8 in ("always", "off"))
            pairs = [
                (one.ravel() / np.abs(other).max(), other.ravel() / np.abs(other).max())
                for one, other in zip(here, there, strict=True)
            ]
            one, other = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
            found[isa] = float((one != other).mean()), float(np.abs(one - other).max())
    print(json.dumps(different))


if __name__ == "__main__":
    main()
