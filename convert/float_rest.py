"""Fewer bits for what stayed in full precision: the stem, the shortcuts and the classifier."""

import contextlib
import io
from typing import Any

from larq_el.errors import UserError, closest

_COMMON: dict[str, Any] = {"regex": ".*", "operation": "*"}

RECIPES: dict[str, list[dict[str, Any]]] = {
    "float16": [
        {
            **_COMMON,
            "algorithm_key": "float_casting",
            "op_config": {
                "weight_tensor_config": {
                    "num_bits": 16,
                    "dtype": "FLOAT",
                    "symmetric": True,
                    "granularity": "TENSORWISE",
                },
                "compute_precision": "FLOAT",
                "explicit_dequantize": True,
            },
        }
    ],
    "int8": [
        {
            **_COMMON,
            "algorithm_key": "min_max_uniform_quantize",
            "op_config": {
                "weight_tensor_config": {
                    "num_bits": 8,
                    "dtype": "INT",
                    "symmetric": True,
                    "granularity": "CHANNELWISE",
                },
                "compute_precision": "INTEGER",
                "explicit_dequantize": False,
            },
        }
    ],
}
"""Recipes of ai-edge-quantizer: weights to float16, or weights to int8 and activations quantized as they come."""


FLOAT_OPS = ("float32", *RECIPES)


def check_float_ops_name(float_ops: str) -> None:
    """Refuses an unknown name.

    # Raises
        ValueError: where it is not one of `FLOAT_OPS`.
    """
    if float_ops not in FLOAT_OPS:
        raise UserError(f"float_ops must be one of {', '.join(FLOAT_OPS)}; {closest(str(float_ops), FLOAT_OPS)}")


def quantize_float_ops(flatbuffer: bytes, float_ops: str) -> bytes:
    """Quantizes the weights of TFLite's own operators; LCE's operators stay as they are.

    # Arguments
        flatbuffer: a finished TFLite model.
        float_ops: "float16" or "int8".

    # Returns
        The smaller flatbuffer.

    # Raises
        ValueError: where ai-edge-quantizer refuses the model.
    """
    from ai_edge_quantizer import quantizer

    # it reports its progress on the terminal
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            job = quantizer.Quantizer(bytearray(flatbuffer), RECIPES[float_ops])
            return bytes(job.quantize().quantized_model)
        except (ValueError, RuntimeError) as error:
            raise UserError(f"ai-edge-quantizer cannot give the model {float_ops} weights: {error}") from error
