"""Keeps what native libraries print when they start off the terminal."""

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def native_messages_hidden() -> Iterator[None]:
    """Hides what C++ code writes to standard error; what Python writes there is shown.

    TensorFlow greets each process with notes on the CPU and on missing GPUs that no setting of its own silences. A user
    who sets TF_CPP_MIN_LOG_LEVEL wants to see messages, and sees all.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    for name in ("tensorflow", "absl", "larq", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)
    shown = sys.stderr
    shown.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as hidden, os.fdopen(terminal, "w", buffering=1) as python_stderr:
        os.dup2(hidden.fileno(), 2)
        # a test harness may have put something else in the place of standard error already
        if shown is sys.__stderr__:
            sys.stderr = python_stderr
        try:
            yield
        finally:
            sys.stderr = shown
            python_stderr.flush()
            os.dup2(terminal, 2)
