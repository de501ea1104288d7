"""Gradients of signs in one pass over memory, for the time of a training."""

import contextlib
from collections.abc import Callable, Iterator

from larq_el._keras import Tensor, lq, tf

Gradient = Callable[[Tensor, Tensor, float | None], Tensor]


@contextlib.contextmanager
def fused_gradients() -> Iterator[None]:
    """Larq's clipped gradient, which `ste_sign` has, by one operator in the place of four; equal to the bit.

    Larq's functions look it up when they are traced: what is traced in this context keeps it, and nothing else is
    touched. The forward pass, which the converter recognises, stays as it is.

    >>> with fused_gradients():
    ...     with tf.GradientTape() as tape:
    ...         x = tf.Variable([-2.0, -1.0, 0.5, 1.5])
    ...         y = lq.quantizers.SteSign()(x)
    >>> tape.gradient(y, x).numpy().tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    plain: Gradient = lq.quantizers._clipped_gradient
    lq.quantizers._clipped_gradient = lambda x, dy, clip_value: _clipped(x, dy, clip_value, plain)
    try:
        yield
    finally:
        lq.quantizers._clipped_gradient = plain


def _clipped(x: Tensor, dy: Tensor, clip_value: float | None, plain: Gradient) -> Tensor:
    """`where(abs(x) <= 1, dy, 0)`: the gradient of fake quantization to the range from -1 to 1 is that."""
    if clip_value != 1.0 or {x.dtype, dy.dtype} != {tf.float32}:  # other ranges are not met to the bit
        return plain(x, dy, clip_value)
    return tf.raw_ops.FakeQuantWithMinMaxArgsGradient(
        gradients=dy, inputs=x, min=-1.0, max=1.0, num_bits=8, narrow_range=True
    )
