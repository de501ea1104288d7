"""Runs every model in a folder with every kernel, and once with two threads, in whatever stock runtime is installed.

python run_models.py FOLDER: FOLDER/name.tflite and name.npy (samples) give name-KERNEL.npz (outputs). Prints, as JSON,
where larq_el.runtime is, the kernels, and the stock runtime's module.
"""

import json
import sys
from pathlib import Path

import numpy as np

import larq_el.runtime
from larq_el.runtime import Interpreter, available_isas
from larq_el.runtime.stock import stock_runtime

folder = Path(sys.argv[1])
for path in sorted(folder.glob("*.tflite")):
    samples = np.load(path.with_suffix(".npy"))
    for isa, num_threads in [*((isa, 1) for isa in available_isas()), (None, 2)]:
        outputs = Interpreter(path, isa=isa, num_threads=num_threads).predict(samples)
        np.savez(folder / f"{path.stem}-{isa}.npz", *(outputs if isinstance(outputs, list) else [outputs]))
print(json.dumps([larq_el.runtime.__file__, available_isas(), stock_runtime().__name__]))
