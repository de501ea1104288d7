"""Proves that a flatbuffer computes what its Keras model computes, on real samples."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from larq_el.convert.folding import changes_of
from larq_el.convert.verification.differences import Comparison, Verification
from larq_el.convert.verification.keras_calls import calls_of
from larq_el.convert.verification.layer_pairs import pairs_of
from larq_el.convert.verification.ports import ports_of
from larq_el.models.precision import in_float32
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.inputs import in_batches
from larq_el.tflite.lce import interpreter as lce_interpreter
from larq_el.tflite.lce import predict
from larq_el.tflite.probe import check_runs
from larq_el.tflite.runtimes import needs_indirect

BATCH = 16

__all__ = ["Verification", "verify"]


def verify(
    model: Any,
    flatbuffer: bytes | str | os.PathLike[str],
    samples: np.ndarray | Sequence[np.ndarray],
    *,
    min_agreement: float = 0.99,
) -> Verification:
    """Compares a flatbuffer with its Keras model, by LCE's own interpreter.

    Whole models are compared by the class that they name and by their logits, at every output. So that a difference can
    be found, the interpreter is made to show the tensors inside the flatbuffer, and they are compared layer by layer:
    both networks computing from the image, and Keras computing each layer from the flatbuffer's own input to it.

    # Arguments
        model: the `tf.keras.Model` that was converted; of a mixed-precision one, its float32 twin is compared.
        flatbuffer: the bytes, or the path.
        samples: (N, H, W, C) real inputs, preprocessed as the model expects; of a model with several inputs, a list of
            such arrays in the order of `model.inputs`. Of a model with a fixed batch, whole batches are compared.
        min_agreement: share of samples with the same top-1 class that passes.

    # Returns
        A `Verification`.

    # Raises
        ValueError: where the samples do not fit the model, the flatbuffer's inputs or outputs are not the model's, or
            it cannot be run.
    """
    names = dict(zip(model.input_names, (tensor.shape for tensor in model.inputs), strict=True))
    inputs = in_batches(names, samples, repr(model.name))
    model = in_float32(model)
    content = Flatbuffer(flatbuffer)
    inputs_at, outputs = ports_of(model, content)
    check_runs(content.content, content.name)
    size = model.inputs[0].shape[0] or BATCH
    _, calls = calls_of(model, [values[: model.inputs[0].shape[0] or 1] for values in inputs])
    pairs = pairs_of(calls, content)
    wanted = {at for pair in pairs for chain in pair.chains for at in chain}
    run = _runner(content, list(dict.fromkeys([*outputs, *(at for pair in pairs for at in pair.tensors)])), inputs_at)
    compared = Comparison(pairs, list(model.output_names))
    for start in range(0, len(inputs[0]), size):
        batch = [values[start : start + size] for values in inputs]
        got = run(batch)
        expected, calls = calls_of(model, batch, wanted)
        compared.add_outputs(list(map(np.asarray, expected)), [got[output] for output in outputs])
        compared.add_layers(calls, got)
    softmax = any(node.name == "SOFTMAX" and node.outputs[0].index == outputs[0] for node in content.operators)
    return compared.result(logits=softmax and len(outputs) == 1, min_agreement=min_agreement)


Runner = Callable[[list[np.ndarray]], dict[int, np.ndarray]]


def _runner(content: Flatbuffer, shown: list[int], inputs_at: list[int]) -> Runner:
    """A function from a batch of each input to the values of the tensors that are shown."""
    interpreter = lce_interpreter(content.with_outputs(shown), indirect=needs_indirect(content.all_operators))
    order = [inputs_at.index(tensor) for tensor in content.inputs]
    changes = changes_of(content)

    def run(batch: list[np.ndarray]) -> dict[int, np.ndarray]:
        inputs = [content.stored(tensor, batch[at]) for tensor, at in zip(content.inputs, order, strict=True)]
        stored = dict(zip(shown, predict(interpreter, inputs), strict=True))
        joined = {at: content.real(at, values) for at, values in stored.items()}
        # folding leaves some as multiples of what Keras computes
        return {at: changes[at].undone(values) if at in changes else values for at, values in joined.items()}

    return run
