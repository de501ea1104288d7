"""Conversion of a Keras model to a Larq Compute Engine flatbuffer."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from larq_el._keras import Model, keras
from larq_el.convert.folding import first_difference, fold
from larq_el.convert.matching import report_for
from larq_el.convert.proof.batch import batch_for
from larq_el.convert.proof.inside import Inside
from larq_el.convert.proof.prover import Prover, with_proof
from larq_el.convert.quantization.check import check_float_ops, difference_of
from larq_el.convert.quantization.names import check_float_ops_name
from larq_el.convert.quantization.quantize import quantize_float_ops
from larq_el.convert.report.report import Folding, Report
from larq_el.convert.report.structure import structure
from larq_el.convert.tracing import run_converter
from larq_el.errors import UserError
from larq_el.files import check_output, write_output
from larq_el.introspection import leaf_layers
from larq_el.models.precision import in_float32
from larq_el.models.weights_check import check_finite, check_not_empty
from larq_el.tflite.class_names import with_class_names
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.inputs import as_type, in_batches
from larq_el.tflite.probe import TrialError


@dataclass(frozen=True)
class Conversion:
    """A converted model.

    # Attributes
        flatbuffer: the bytes of the `.tflite` file.
        report: what became binary, what stayed float and why.
    """

    flatbuffer: bytes
    report: Report

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Writes the flatbuffer, whole or not at all.

        # Arguments
            path: of the file.
            overwrite: whether a file of that name may be replaced.

        # Raises
            ValueError: where the file exists and `overwrite` is not set, or its folder does not.
        """
        path = check_output(path, overwrite=overwrite)
        write_output(path, self.flatbuffer)
        return path


def convert(
    model: Model,
    *,
    float_ops: str = "float32",
    samples: np.ndarray | Sequence[np.ndarray] | None = None,
    labels: np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
    folding: bool = True,
    proof: bool = True,
) -> Conversion:
    """Converts a Keras model to a Larq Compute Engine flatbuffer.

    >>> from larq_el import zoo
    >>> conversion = convert(zoo.ELResNet26(input_shape=(32, 32, 3), classes=10, width=0.25))
    >>> sum(conv.binary for conv in conversion.report.convolutions), conversion.report.lost
    (24, [])

    # Arguments
        model: a `tf.keras.Model` whose inputs have fixed sizes; a mixed-precision one is converted through its float32
            twin, which has the same weights.
        float_ops: what the full-precision rest computes with: "float32", "float16" (weights), "int8" (weights;
            activations are quantized as they come, dynamic range) or "int8-static" (both; needs samples). Small float
            operators in front keep float32 with either int8: a change there costs the most.
        samples: of real inputs, preprocessed, an array for each input: what folding changes and `float_ops` costs is
            measured on them, see `report.folding` and `report.float_check`. "int8-static" takes the ranges of the
            activations from the first 500, or the first half of fewer, and is measured on the others.
        labels: the samples' classes, if they are known.
        class_names: names of a classifier's classes, to be kept in the file; None for none.
        folding: whether to take out what inference does not need, such as gamma: see `larq_el.convert.folding`.
        proof: whether to compare each layer with Keras on a batch, in each runtime that can run the file: the first
            samples, or random values. What was compared is in `report.proof`; without it that is None.

    # Returns
        A `Conversion`. A convolution that is binary in Keras and float in the flatbuffer is no error here: look at
        `report.lost`.

    # Raises
        ValueError: where the model cannot be converted; the message holds the converter's reason. A `DifferenceError`
            where the file computes something else than the model; it names the layer.
    """
    check_float_ops_name(float_ops, samples=samples is not None)
    _check(model)
    model = in_float32(model)
    full = Flatbuffer(run_converter(model))
    _check_resolved(model, full)
    full = full if class_names is None else with_class_names(full, class_names)
    arrays = None
    if samples is not None:
        arrays, given = _in_order(model, full, samples)
        if labels is not None and len(labels) == given:
            labels = labels[: len(arrays[0])]  # what fills no batch is left out
    batch = batch_for(model, full, arrays)
    insides = [Inside(model.name, full, batch)]
    try:
        return _finished(model, insides, batch, float_ops, arrays, labels, folding=folding, proof=proof)
    finally:
        for inside in insides:
            inside.close()


def _finished(
    model: Model,
    insides: list[Inside],
    batch: list[np.ndarray],
    float_ops: str,
    samples: list[np.ndarray] | None,
    labels: np.ndarray | None,
    *,
    folding: bool,
    proof: bool,
) -> Conversion:
    """The conversion, folded, with its rest quantized, and proven. What runs elsewhere is added to `insides`."""
    full, folded = insides[0].flatbuffer, None
    made = fold(full) if folding else None
    if made is not None and made.operators:
        insides.append(Inside(model.name, made.flatbuffer, batch))
        full, folded = _folded(model, insides, made.operators, samples)
    _check_runs(model, insides[0])
    final, check = full, None
    if float_ops != "float32":
        final = quantize_float_ops(full, float_ops, samples)
        insides.append(Inside(model.name, final, batch))
        if samples is not None:
            check = check_float_ops(full, final, float_ops, samples, labels)
    report = replace(report_for(model, final), float_check=check, folding=folded)
    known = next(inside for inside in insides if inside.flatbuffer is final)
    if proof:
        report = with_proof(report, Prover(model, final, report, batch, float_ops, known).proof())
    else:
        _check_runs(model, known)
    return Conversion(final.content, report)


def _check_resolved(model: Model, flatbuffer: Flatbuffer) -> None:
    if unresolved := structure(flatbuffer).unresolved:
        wide = {
            operator.name
            for operator in flatbuffer.all_operators
            for tensor in (*operator.inputs, *operator.outputs)
            if tensor is not None and tensor.dtype in WIDE
        }
        if double := sorted(wide & set(unresolved)):
            layers = [repr(layer.name) for layer in leaf_layers(model) if layer.dtype in WIDE]
            where = f" in {', '.join(layers)}" if layers else ""
            raise UserError(
                f"{model.name!r} computes in float64{where} ({', '.join(double)}), for which neither TFLite nor the "
                "Larq Compute Engine has operators; build it with dtype='float32'."
            )
        raise UserError(
            f"{model.name!r} uses {', '.join(unresolved)}, which neither TFLite nor the Larq Compute Engine has an "
            "operator for; replace the layer that needs it."
        )


WIDE = ("float64", "complex64", "complex128")
"""Types that TFLite has no operators for."""


def _folded(
    model: Model, insides: list[Inside], operators: dict[str, int], samples: list[np.ndarray] | None
) -> tuple[Flatbuffer, Folding]:
    """The folded flatbuffer where it computes the same on a batch, the flatbuffer as it was otherwise."""
    original, folded = insides
    _check_runs(model, original)
    if refused := first_difference(original.flatbuffer, folded.flatbuffer, original.values, folded.values):
        return original.flatbuffer, Folding({}, refused)
    if samples is None:
        return folded.flatbuffer, Folding(operators)
    agreement, difference = difference_of(original.flatbuffer, folded.flatbuffer, samples)
    report = Folding(operators, samples=len(samples[0]), agreement=agreement, max_abs_diff=difference)
    return folded.flatbuffer, report


def _check_runs(model: Model, inside: Inside) -> None:
    """The converter may fuse what the interpreter then refuses, such as a factor for each pixel."""
    try:
        inside.values  # noqa: B018 - waits for the runs
    except TrialError as error:
        raise UserError(
            f"the Larq Compute Engine converts {model.name!r} to a file that its own interpreter cannot run "
            f"({error.reason}); change the layer that this is about."
        ) from error


def _in_order(
    model: Model, flatbuffer: Flatbuffer, samples: np.ndarray | Sequence[np.ndarray]
) -> tuple[list[np.ndarray], int]:
    """Whole batches in the order and the types of the flatbuffer's inputs, which need not be the model's; how many
    samples were given.
    """
    shapes = dict(zip(model.input_names, (tensor.shape for tensor in model.inputs), strict=True))
    arrays = in_batches(shapes, samples, repr(model.name))
    named = dict(zip(model.input_names, arrays, strict=True))
    at = {index: name for name, index in flatbuffer.signature_inputs.items()}
    ordered = [named[at[index]] for index in flatbuffer.inputs] if len(arrays) > 1 else arrays
    tensors = [flatbuffer.tensors[index] for index in flatbuffer.inputs]
    given = samples[0] if isinstance(samples, list | tuple) else samples
    return [as_type(values, tensor.dtype) for values, tensor in zip(ordered, tensors, strict=True)], len(given)


def _check(model: Model) -> None:
    if not isinstance(model, keras.Model):
        raise UserError(
            f"convert takes a tf.keras.Model, got {type(model).__name__}; load_model reads one from a file."
        )
    if not model.inputs or not hasattr(model, "input_shape"):
        raise UserError(
            f"{model.name!r} is a subclassed model without fixed inputs: build it with keras.Input and "
            "keras.Model(inputs, outputs), or export it as a SavedModel with a signature."
        )
    for tensor in model.inputs:
        if None in tensor.shape[1:]:
            raise UserError(
                f"{model.name!r} has an input of shape {tuple(tensor.shape)}: build it with a fixed input_shape to "
                "convert it."
            )
    check_not_empty(model)
    check_finite(model)
