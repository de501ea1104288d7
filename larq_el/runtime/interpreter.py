"""Inference on numpy arrays."""

import os
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np

from larq_el.errors import UserError, one_line
from larq_el.runtime.delegate import load_delegate
from larq_el.runtime.profile import Profile, measure
from larq_el.runtime.quantized import real, stored
from larq_el.runtime.stock import stock_runtime

FUSE_OFF = "fuse=off"
"""What the delegate advises where it cannot fuse."""
IDENTIFIER = b"TFL3"
"""Bytes 4 to 8 of every TFLite model."""


MOST_THREADS = 256
"""Of an interpreter; with a hundred thousand it does not come to an end."""


ASSIGNMENT = "ASSIGN_VARIABLE"


class Interpreter:
    """Runs a TFLite model with one input; Larq Compute Engine operators run in the native delegate.

    Threads may share one: their calls of `predict` take turns. A process that was forked starts its own.

    # Arguments
        flatbuffer_or_path: the bytes of a `.tflite` file, or its path.
        num_threads: threads to compute with, 256 at most; never more than there are processors.
        isa: kernels to use, one of `larq_el.runtime.available_isas()`; None for the fastest that this CPU can run.

    # Raises
        ValueError: where there is no such file, it is not a TFLite model, or it cannot run.
    """

    def __init__(
        self, flatbuffer_or_path: bytes | str | os.PathLike[str], *, num_threads: int = 1, isa: str | None = None
    ) -> None:
        if isinstance(num_threads, bool) or not isinstance(num_threads, int) or not 1 <= num_threads <= MOST_THREADS:
            raise UserError(f"num_threads must be a whole number from 1 to {MOST_THREADS}, got {num_threads!r}.")
        self._content = _read(flatbuffer_or_path)
        self._options = {"isa": isa}
        self._num_threads = num_threads
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._interpreter = self._start()
        inputs = self._interpreter.get_input_details()
        if len(inputs) != 1:
            raise UserError(
                f"the model has {len(inputs)} inputs, and this Interpreter takes one: use load_delegate with the "
                "stock runtime's own."
            )
        self._input: dict[str, Any] = inputs[0]
        self._shape = tuple(int(size) for size in self._input["shape"])
        if not self._shape:
            raise UserError("the model's input has no batch dimension.")
        self._batch = self._shape[0]
        outputs = self._interpreter.get_output_details()
        if not outputs:
            raise UserError("the model has no output: there is nothing to predict.")
        self._output_shape = tuple(int(size) for size in outputs[0]["shape"])
        # variables of TensorFlow are not reset by the runtime: such a model starts anew for each sample
        self._keeps = any(operator["op_name"] == ASSIGNMENT for operator in self._interpreter._get_ops_details())
        self._resizable = not self._keeps

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape that the model was converted with, the batch first; `predict` takes any batch."""
        return self._shape

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the first output, as `input_shape`."""
        return self._output_shape

    def predict(self, x: np.ndarray) -> Any:
        """The model's output for a batch.

        # Arguments
            x: reals, or an array of the input's own type, of shape `(N, *input_shape[1:])`. A model with a quantized
                input (int8, say) takes reals by its scale and zero point, and integers of its type as they are.

        # Returns
            An array of shape `(N, ...)`; a list of arrays where the model has several outputs. Quantized outputs come
            as reals, but where `x` was given in the type of a quantized input: then as they are stored.

        # Raises
            ValueError: where the array does not fit the input, or the runtime fails.
        """
        x = np.asarray(x)
        with self._lock:
            return self._predict(x)

    def _predict(self, x: np.ndarray) -> Any:
        self._renew_after_fork()
        raw = x.dtype == self._input["dtype"] and _scale_of(self._input) is not None
        x = self._stored(x)
        self._check(x)
        if self._allocate(len(x)):
            outputs = self._run(x)
        else:
            size = self._batch
            if len(x) % size:
                raise UserError(f"the model computes {size} samples at a time, and {len(x)} is no multiple of that.")
            parts = [self._run(x[start : start + size]) for start in range(0, len(x), size)]
            outputs = [np.concatenate(part) for part in zip(*parts, strict=True)]
        if not raw:
            details = self._interpreter.get_output_details()
            outputs = [_real(values, detail) for values, detail in zip(outputs, details, strict=True)]
        return outputs if len(outputs) > 1 else outputs[0]

    def _stored(self, x: np.ndarray) -> np.ndarray:
        """What a quantized input holds for reals; other arrays as they are."""
        scale = _scale_of(self._input)
        if scale is None or x.dtype.kind != "f":
            return x
        if not np.isfinite(x).all():
            raise UserError(f"the input must be finite to be quantized, got {x[~np.isfinite(x)][0]}.")
        return stored(x, self._input["dtype"], *scale)

    def _renew_after_fork(self) -> None:
        """The threads of the runtime stayed in the process that started them."""
        if self._process != os.getpid():
            self._left_behind = self._interpreter  # whose end might wait for them
            self._process, self._batch = os.getpid(), self._shape[0]
            self._interpreter = self._start()

    def profile(self, x: np.ndarray, *, runs: int = 20) -> Profile:
        """How long each part of the model takes, on a single sample.

        # Arguments
            x: as for `predict`, of shape `(1, *input_shape[1:])`.
            runs: inferences to take the mean of, after one that is not counted.

        # Returns
            A `Profile`; its `str()` is a table.

        # Raises
            ValueError: where the array does not fit the input, or `runs` is not positive.
        """
        if runs < 1:
            raise UserError(f"runs must be at least 1, got {runs!r}.")
        x = self._stored(np.asarray(x))
        self._check(x)
        if len(x) != self._shape[0]:
            raise UserError(f"profile takes {self._shape[0]} sample(s), got {len(x)}.")
        interpreter, delegate = _with_delegate(self._content, self._num_threads, profile="on", **self._options)
        interpreter.set_tensor(self._input["index"], x)
        return measure(interpreter.invoke, delegate, runs)

    def _check(self, x: np.ndarray) -> None:
        wanted = self._shape[1:]
        if x.ndim != len(self._shape) or x.shape[1:] != wanted or len(x) == 0:
            shape = ", ".join(map(str, ("N", *wanted)))
            raise UserError(f"the input must have shape ({shape}) with N samples, 1 or more, got {x.shape}.")
        if x.dtype != self._input["dtype"]:
            name = np.dtype(self._input["dtype"]).name
            raise UserError(f'the input must be {name}, got {x.dtype}: convert it with .astype("{name}").')

    def _start(self) -> Any:
        return stock_interpreter(self._content, num_threads=self._num_threads, **self._options)

    def _allocate(self, batch: int) -> bool:
        """Makes the model compute `batch` samples at once; False where it has a batch size written into it."""
        if batch == self._batch:
            return True
        if not self._resizable:
            return False
        try:
            self._resize(batch)
            self._resizable = all(
                len(output["shape"]) > 0 and output["shape"][0] == batch
                for output in self._interpreter.get_output_details()
            )
        except (RuntimeError, ValueError):  # as where a reshape to constant sizes follows
            self._resizable = False
        if not self._resizable:
            # a new one: a runtime whose allocation failed once may crash when it is asked again (TensorFlow 2.16)
            self._interpreter = self._start()
            self._batch = self._shape[0]
        return self._resizable

    def _resize(self, batch: int) -> None:
        self._interpreter.resize_tensor_input(self._input["index"], (batch, *self._shape[1:]))
        self._interpreter.allocate_tensors()
        self._batch = batch

    def _run(self, x: np.ndarray) -> list[np.ndarray]:
        # what a recurrent layer keeps must not go from one sample to the next
        if self._keeps:
            self._interpreter = self._start()
        self._interpreter.reset_all_variables()
        self._interpreter.set_tensor(self._input["index"], x)
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise UserError(f"the model fails on this input: {_reason(error)}.") from error
        return [self._interpreter.get_tensor(output["index"]) for output in self._interpreter.get_output_details()]


def stock_interpreter(content: bytes, *, num_threads: int = 1, isa: str | None = None, delegate: Any = None) -> Any:
    """An interpreter of the stock runtime with the native delegate, ready to run.

    # Arguments
        content: of a `.tflite` file.
        num_threads: threads to compute with.
        isa: of the delegate.
        delegate: one of `load_delegate`, in place of a new one.

    # Returns
        The stock runtime's own `Interpreter`, with its tensors allocated.

    # Raises
        ValueError: where the model cannot run.
    """
    if delegate is not None:
        return _start(content, num_threads, delegate)
    return _with_delegate(content, num_threads, isa=isa)[0]


def _with_delegate(content: bytes, num_threads: int, **options: str | None) -> tuple[Any, Any]:
    """An interpreter and its new delegate, which does not fuse where the runtime cuts the graph within a pattern."""
    delegate = load_delegate(**options)
    try:
        return _start(content, num_threads, delegate), delegate
    except UserError as error:
        if FUSE_OFF not in str(error):
            raise
        delegate = load_delegate(**options, fuse="off")
        return _start(content, num_threads, delegate), delegate


def processors() -> int:
    """How many processors this process may use.

    >>> 1 <= processors() <= os.cpu_count()
    True
    """
    allowed = getattr(os, "sched_getaffinity", None)  # Linux's
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


def _start(content: bytes, num_threads: int, delegate: Any) -> Any:
    try:
        interpreter = stock_runtime().Interpreter(
            # more threads than processors only wait for each other
            model_content=content,
            num_threads=min(num_threads, processors()),
            experimental_delegates=[delegate],
        )
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"the model cannot run: {_reason(error)}.") from error
    return interpreter


def _scale_of(detail: dict[str, Any]) -> tuple[float, int] | None:
    """The scale and the zero point of a tensor that is quantized as a whole."""
    scale, zero_point = detail["quantization"]
    return (float(scale), int(zero_point)) if scale else None


def _real(values: np.ndarray, detail: dict[str, Any]) -> np.ndarray:
    scale = _scale_of(detail)
    return values if scale is None else real(values, *scale)


def _reason(error: Exception) -> str:
    """What the delegate said first, without what the runtime adds about its node; the runtime's own words otherwise."""
    words = re.search(r"larq_el: (.*?)\.?(Node number|larq_el: |$)", one_line(error))
    return words[1] if words else one_line(error)


def _read(source: bytes | str | os.PathLike[str]) -> bytes:
    """The flatbuffer, after a look at its start; the runtime verifies the rest."""
    name = "the flatbuffer" if isinstance(source, bytes) else repr(str(source))
    if isinstance(source, bytes):
        content = source
    else:
        try:
            content = Path(source).read_bytes()
        except OSError as error:
            raise UserError(f"cannot read {name}: {error.strerror or error}.") from error
    if content[4:8] != IDENTIFIER:
        raise UserError(f"{name} is not a TFLite model: its bytes 4 to 8 are not {IDENTIFIER.decode()!r}.")
    return content
