"""Larq Compute Engine flatbuffers in a stock LiteRT or TensorFlow Lite runtime, by way of the native delegate.

Needs numpy and ai-edge-litert alone: a device has neither TensorFlow nor Larq.

    from larq_el.runtime import Interpreter

    probabilities = Interpreter("model.tflite", num_threads=4).predict(images)

`load_delegate` is for those who have an interpreter of their own, `delegate_path` for other tools.
"""

from larq_el.runtime.delegate import available_isas, delegate_path, load_delegate
from larq_el.runtime.interpreter import Interpreter
from larq_el.runtime.profile import Profile

__all__ = ["Interpreter", "Profile", "available_isas", "delegate_path", "load_delegate"]
