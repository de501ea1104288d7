"""Conversion of a Keras model to a Larq Compute Engine flatbuffer."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from larq_el._keras import keras, tf
from larq_el.convert.flatbuffer import Flatbuffer
from larq_el.convert.matching import report_for
from larq_el.convert.report import Report
from larq_el.errors import UserError, closest, first_line
from larq_el.files import check_output, write_atomically

FLOAT_OPS = ("float32", "float16", "int8")


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
        write_atomically(path, self.flatbuffer)
        return path


def convert(model: Any, *, float_ops: str = "float32") -> Conversion:
    """Converts a Keras model to a Larq Compute Engine flatbuffer.

    >>> from larq_el import zoo
    >>> conversion = convert(zoo.ELResNet26(input_shape=(32, 32, 3), classes=10, width=0.25))
    >>> sum(conv.binary for conv in conversion.report.convolutions), conversion.report.lost
    (24, [])

    # Arguments
        model: a `tf.keras.Model` with one image of fixed size as its input.
        float_ops: what the full-precision rest computes with: "float32", "float16" (weights) or "int8" (weights;
            activations are quantized as they come, dynamic range).

    # Returns
        A `Conversion`. A convolution that is binary in Keras and float in the flatbuffer is no error here: look at
        `report.lost`.

    # Raises
        ValueError: where the model cannot be converted; the message holds the converter's reason.
    """
    if float_ops not in FLOAT_OPS:
        raise UserError(f"float_ops must be one of {', '.join(FLOAT_OPS)}; {closest(str(float_ops), FLOAT_OPS)}")
    _check(model)
    content = _run_converter(model)
    if float_ops != "float32":
        from larq_el.convert.float_rest import quantize_float_ops

        content = quantize_float_ops(content, float_ops)
    report = report_for(model, Flatbuffer(content))
    if report.unresolved:
        raise UserError(
            f"{model.name!r} uses {', '.join(report.unresolved)}, which neither TFLite nor the Larq Compute Engine "
            "has an operator for; replace the layer that needs it."
        )
    return Conversion(content, report)


def _check(model: Any) -> None:
    if not isinstance(model, keras.Model):
        raise UserError(
            f"convert takes a tf.keras.Model, got {type(model).__name__}; load_model reads one from a file."
        )
    shapes = model.input_shape if isinstance(model.input_shape, list) else [model.input_shape]
    for shape in shapes:
        if None in shape[1:]:
            raise UserError(
                f"{model.name!r} has an input of shape {shape}: build it with a fixed input_shape to convert it."
            )
    policies = {layer.dtype_policy.name for layer in model.layers} & {"mixed_float16", "mixed_bfloat16"}
    if policies:
        raise UserError(
            f"{model.name!r} computes in {policies.pop()}: build it under the float32 policy to convert it."
        )


def _run_converter(model: Any) -> bytes:
    """Converts by way of a SavedModel that holds the inference alone.

    LCE's own `convert_keras_model` saves the whole Keras model, which takes twice as long, and hides the reason where
    that fails.
    """
    from larq_el._lce import lce

    with tempfile.TemporaryDirectory() as folder:
        try:
            _save_inference(model, folder)
            return lce.convert_saved_model(folder)
        except Exception as error:  # the converter raises whatever TensorFlow and MLIR raise
            raise UserError(f"the Larq Compute Engine cannot convert {model.name!r}: {first_line(error)}") from error


def _save_inference(model: Any, folder: str) -> None:
    inputs = [tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.name.split(":")[0]) for tensor in model.inputs]

    @tf.function(input_signature=inputs)
    def serve(*tensors: Any) -> Any:
        return model(list(tensors) if len(tensors) > 1 else tensors[0], training=False)

    module = tf.Module()
    module.weights = model.weights
    tf.saved_model.save(module, folder, signatures=serve)
