"""Signals while something on a device must be put in order."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn


@contextmanager
def _handlers(handler: Any, *names: str) -> Iterator[None]:
    """Other handlers for a while; signals belong to the main thread, and Windows lacks some."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = {number: signal.signal(number, handler) for name in names if (number := getattr(signal, name, None))}
    try:
        yield
    finally:
        for number, previous in old.items():
            signal.signal(number, previous)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def termination_interrupts() -> Any:
    """A context in which a termination or a closed terminal is an interrupt, so that what was begun is cleaned up."""
    return _handlers(_interrupt, "SIGTERM", "SIGHUP")


def interrupts_ignored() -> Any:
    """A context that an impatient second Ctrl-C does not end; for what has a time limit of its own."""
    return _handlers(signal.SIG_IGN, "SIGINT", "SIGTERM", "SIGHUP")
