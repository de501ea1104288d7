"""Measures a model with `larq_el.runtime`. This file itself is what a device's Python reads on its standard input."""

import json
import resource
import sys
import time


def main(path: str, runs: int, warmup: int, threads: int) -> None:
    """Prints the times of a model in milliseconds, as one line of JSON.

    # Arguments
        path: of the flatbuffer.
        runs, warmup: how many runs are timed, and not timed before them.
        threads: of the interpreter.
    """
    import numpy as np

    from larq_el.runtime import Interpreter, available_isas

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    interpreter = Interpreter(path, num_threads=threads)
    init = time.perf_counter() - start
    values = np.random.default_rng(0).normal(size=interpreter.input_shape)
    for dtype in ("float32", "int8", "uint8"):
        try:
            x = values.astype(dtype)
            interpreter.predict(x)
            break
        except ValueError as error:  # says which type it wants
            if dtype == "uint8" or "the input must be" not in str(error):
                raise
    times = []
    for _ in range(warmup + runs):
        start = time.perf_counter()
        interpreter.predict(x)
        times.append(1e3 * (time.perf_counter() - start))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    result = {
        "init_ms": 1e3 * init,
        "milliseconds": times[warmup:],
        "memory_mb": grown / 1024,
        "isa": available_isas()[0],
    }
    print("\n" + json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
