"""What the float rest can compute with, by name; loads no TensorFlow."""

from larq_el.errors import UserError, closest

STATIC = "int8-static"
"""The name that needs samples."""
FLOAT_OPS = ("float32", "float16", "int8", STATIC)


def check_float_ops_name(float_ops: str, *, samples: bool = True) -> None:
    """Refuses an unknown name, and one that lacks what it needs.

    # Arguments
        float_ops: the name.
        samples: whether there are samples.

    # Raises
        ValueError: where it is not one of `FLOAT_OPS`, or needs samples.
    """
    if float_ops not in FLOAT_OPS:
        raise UserError(f"float_ops must be one of {', '.join(FLOAT_OPS)}; {closest(str(float_ops), FLOAT_OPS)}")
    if float_ops == STATIC and not samples:
        raise UserError(
            f"float_ops {STATIC!r} needs samples to find the ranges of the activations: give some hundred real inputs "
            "(samples=..., --samples), or 'int8', which needs none."
        )
