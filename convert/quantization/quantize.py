"""Fewer bits for what stayed in full precision: the stem, the shortcuts and the classifier."""

import contextlib
import io
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from larq_el.convert.quantization.calibration import calibration_count, ranges
from larq_el.convert.quantization.names import STATIC, check_float_ops_name
from larq_el.errors import UserError
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.graph import Operator
from larq_el.tflite.operators import QUANTIZE, is_binary_depthwise
from larq_el.tflite.packing import pack, unpack

EXACT_SHARE = 0.02
"""By how much of its size a file of int8 weights may grow for the operators that keep float32."""

APART = np.float32(1 + 2**-23)
"""The least factor that tells two scales of float32 apart."""

_COMMON: dict[str, Any] = {"regex": ".*", "operation": "*"}
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "BATCH_MATMUL", "EMBEDDING_LOOKUP")
"""What ai-edge-quantizer gives int8 weights."""
_CALIBRATED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
"""What has its activations in int8 too. Additions and pools have no weights to multiply with: int8 would only put a
grid beside the thresholds of the signs that follow, and costs more time than it saves."""

_FLOAT16 = {
    **_COMMON,
    "algorithm_key": "float_casting",
    "op_config": {
        "weight_tensor_config": {"num_bits": 16, "dtype": "FLOAT", "symmetric": True, "granularity": "TENSORWISE"},
        "compute_precision": "FLOAT",
        "explicit_dequantize": True,
    },
}
_INT8 = {
    **_COMMON,
    "algorithm_key": "min_max_uniform_quantize",
    "op_config": {
        "weight_tensor_config": {"num_bits": 8, "dtype": "INT", "symmetric": True, "granularity": "CHANNELWISE"},
        "compute_precision": "INTEGER",
        "explicit_dequantize": False,
    },
}
_INT8_WEIGHTS = {
    **_INT8,
    "operation": "CONV_2D_TRANSPOSE",
    "op_config": {**_INT8["op_config"], "compute_precision": "FLOAT", "explicit_dequantize": True},
}
"""LCE's runtime refuses a transposed convolution of float activations and int8 weights: these turn to float first."""
_INT8_ACTIVATIONS = {
    "activation_tensor_config": {"num_bits": 8, "dtype": "INT", "symmetric": False, "granularity": "TENSORWISE"}
}
_INT8_STATIC = [
    {**_INT8, "operation": name, "op_config": {**_INT8["op_config"], **_INT8_ACTIVATIONS}} for name in _CALIBRATED
]

RECIPES: dict[str, list[dict[str, Any]]] = {
    "float16": [_FLOAT16],
    "int8": [_INT8, _INT8_WEIGHTS],
    STATIC: [_INT8, _INT8_WEIGHTS],
}
"""Recipes of ai-edge-quantizer, of which the last that fits an operator holds: weights to float16, or weights to int8
and activations quantized as they come. `_INT8_STATIC` overrules that where activations have known ranges."""


def quantize_float_ops(
    flatbuffer: Flatbuffer, float_ops: str, samples: Sequence[np.ndarray] | None = None
) -> Flatbuffer:
    """Quantizes the weights of TFLite's own operators; LCE's operators stay as they are.

    With int8, operators in front keep float32, see `exact_operators`; with all, `binary_depthwise` does.

    # Arguments
        flatbuffer: a finished TFLite model.
        float_ops: "float16", "int8" or "int8-static".
        samples: for "int8-static", an array for each input, in the flatbuffer's order; it is calibrated on the first
            `calibration_count` of them.

    # Returns
        The smaller flatbuffer.

    # Raises
        ValueError: where ai-edge-quantizer refuses the model, or samples are needed and missing.
    """
    check_float_ops_name(float_ops, samples=samples is not None)
    recipe, calibrated = [*RECIPES[float_ops]], None
    if float_ops == STATIC and samples is not None:
        count = calibration_count(len(samples[0]), flatbuffer.batch)
        calibrated = ranges(flatbuffer, samples, _CALIBRATED, count)
        recipe += _INT8_STATIC if calibrated else []
    if float_ops != "float16":
        recipe += map(_kept, exact_operators(flatbuffer))
    recipe += map(_kept, binary_depthwise(flatbuffer))
    quantized = Flatbuffer(scales_told_apart(_quantize(flatbuffer.content, recipe, calibrated, float_ops)))
    if float_ops == "float16":
        _check_range(flatbuffer, quantized)
    return quantized


def _check_range(before: Flatbuffer, after: Flatbuffer) -> None:
    """Refuses weights that float16 has no numbers for."""
    names = {tensor.name for tensor in before.tensors if tensor.dtype == "float32" and tensor.data is not None}
    for tensor in after.tensors:
        if tensor.dtype == "float16" and tensor.data is not None and not np.isfinite(tensor.data).all():
            name = next((one for one in names if tensor.name.startswith(one)), tensor.name)
            raise UserError(
                f"constant {name!r} has values beyond {np.finfo(np.float16).max:g}, which float16 cannot hold; use "
                "float_ops='float32' or 'int8', or train with weight decay."
            )


def scales_told_apart(flatbuffer: bytes) -> bytes:
    """Makes a convolution's scales differ where all of its channels share one, by the least that makes a difference.

    LCE 0.16's kernel for float activations and int8 weights gives the bias alone where they are equal, as they are for
    a kernel of -1 and 1 without a BatchNorm. The other runtimes do not.

    # Arguments
        flatbuffer: a TFLite model.

    # Returns
        The same model where there is no such convolution.
    """
    model = unpack(flatbuffer)
    shared = []
    for graph in model.subgraphs:
        for node in graph.operators:
            code = model.operatorCodes[node.opcodeIndex]
            if max(code.builtinCode, code.deprecatedBuiltinCode) == schema.BuiltinOperator.CONV_2D:
                image, kernel = (graph.tensors[at] for at in node.inputs[:2])
                scales = getattr(kernel.quantization, "scale", None)
                if image.type == schema.TensorType.FLOAT32 and scales is not None and len(scales) > 1:
                    shared += [kernel.quantization] if np.all(scales == scales[0]) else []
    for quantization in shared:
        scales = np.array(quantization.scale)
        scales[0] *= APART
        quantization.scale = scales
    return pack(model) if shared else flatbuffer


def exact_operators(flatbuffer: Flatbuffer) -> list[Operator]:
    """The float operators that keep float32 where the others get int8.

    What int8 changes turns over signs of values near zero, and every binary convolution behind it turns over more, so
    that the first operator that changes costs nearly as much as all of them, and the last ones next to nothing. The
    first ones are small: in the order of execution, as many keep float32 as fit into `EXACT_SHARE` of the file. None
    does behind the last sign, or in a model without signs.

    # Arguments
        flatbuffer: the model, its weights in float32.
    """
    growth = {node.index: _growth(node) for node in flatbuffer.operators if node.name in _WEIGHTED}
    left = EXACT_SHARE * (len(flatbuffer.content) - sum(growth.values()))
    last_sign = max((node.index for node in flatbuffer.operators if node.name == QUANTIZE), default=-1)
    exact = []
    for index, size in growth.items():
        left -= size
        if index > last_sign or left < 0:
            break
        exact.append(flatbuffer.operators[index])
    return exact


def binary_depthwise(flatbuffer: Flatbuffer) -> list[Operator]:
    """The depthwise convolutions of signs with signs, which keep the float32 kernels that they have.

    Their sums are exact so, they are small, and this package's runtime knows them by their kernels and computes them on
    bits; in int8 the runtimes would first find a scale for the signs.

    # Arguments
        flatbuffer: the model, its weights in float32.
    """
    return [operator for operator in flatbuffer.operators if is_binary_depthwise(operator, flatbuffer)]


def _growth(operator: Operator) -> int:
    """Bytes that its weights take in float32 more than in int8."""
    return max((t.nbytes * 3 // 4 for t in operator.inputs if t is not None and t.dtype == "float32"), default=0)


def _kept(operator: Operator) -> dict[str, Any]:
    """The recipe that leaves an operator alone; the quantizer knows operators by the names of their outputs."""
    name = re.escape(operator.outputs[0].name)
    return {**_COMMON, "regex": f"^{name};?$", "algorithm_key": "no_quantize"}


def _quantize(flatbuffer: bytes, recipe: list[dict[str, Any]], calibrated: Any, float_ops: str) -> bytes:
    from ai_edge_quantizer import quantizer

    # it reports its progress on the terminal
    quiet = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    # `_check_range` says where a value becomes infinite
    with quiet[0], quiet[1], np.errstate(over="ignore"):
        try:
            job = quantizer.Quantizer(bytearray(flatbuffer), recipe)
            # it would look for missing ranges by an interpreter that lacks LCE's operators; none are missing
            job._ensure_model_qsv_sufficient = lambda calibration_result: None
            return bytes(job.quantize(calibrated).quantized_model)
        except (ValueError, RuntimeError) as error:
            raise UserError(f"ai-edge-quantizer cannot give the model {float_ops} weights: {error}") from error
