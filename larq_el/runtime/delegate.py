"""The native delegate: where it is, whether it belongs to this package, and how a stock runtime loads it."""

import ctypes
import os
from pathlib import Path
from typing import Any

from larq_el._version import __version__
from larq_el.errors import UserError, first_line
from larq_el.runtime.stock import stock_runtime

VARIABLE = "LARQ_EL_DELEGATE"
"""The environment variable that names another library than the package's own."""
_OWN = Path(__file__).parent / "lib" / "liblarq_el_delegate.so"
_BUILD = "build it with `python native/build.py`"


def delegate_path() -> Path:
    """The delegate's shared library, for tools that take an external delegate.

    The environment variable `LARQ_EL_DELEGATE` overrides it.

    # Raises
        ValueError: where there is no such file, or it was built for another version of this package.
    """
    override = os.environ.get(VARIABLE)
    path = Path(override) if override else _OWN
    if not path.is_file():
        remedy = f"correct {VARIABLE} or unset it" if override else f"{_BUILD}, or name it with {VARIABLE}"
        raise UserError(f"there is no native delegate at {str(path)!r}: {remedy}.")
    _native(path)
    return path


def available_isas() -> list[str]:
    """The instruction sets that the delegate has kernels for and this CPU can run, the fastest first.

    # Raises
        ValueError: where the delegate is missing, see `delegate_path`.
    """
    return _native(delegate_path()).larq_el_native_kernels().decode().split(", ")


def load_delegate(**options: str | None) -> Any:
    """The delegate for the `experimental_delegates` of a stock interpreter.

    # Arguments
        options: `isa`, one of `available_isas()`, the fastest where it is None or not given; `fuse`, "on" (as it is by
            default) or "off", whether what follows a binary convolution is computed with it; `int8`, "on" (as it is by
            default), "off" or "always", which int8 convolutions are computed here: those that are faster, none, or
            all that stand beside others; `profile`, "on" or "off".

    # Raises
        ValueError: where the delegate is missing, or refuses an option.
    """
    path = delegate_path()
    given = {key: value for key, value in options.items() if value is not None}
    try:
        return stock_runtime().load_delegate(str(path), options=given)
    except ValueError as error:
        # two lines: which library, and the delegate's own words
        raise UserError(f"the native delegate refuses: {str(error).split(chr(10))[-1]}") from error


def read_profile(delegate: Any) -> str:
    """What the operators of a delegate with `profile="on"` took since the last call.

    # Arguments
        delegate: of `load_delegate(profile="on")`.

    # Returns
        A line an operator: its name and tensors, number of runs, and seconds, separated by tabs.
    """
    function = _native(delegate_path()).larq_el_native_profile
    function.restype, function.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
    return str(function(delegate._get_native_delegate_pointer()).decode())


def _native(path: Path) -> Any:
    """The library, after the handshake."""
    try:
        library = ctypes.CDLL(str(path))
        version = library.larq_el_native_version
        kernels = library.larq_el_native_kernels
    except (OSError, AttributeError) as error:
        raise UserError(
            f"{str(path)!r} is no native delegate of this machine ({first_line(error)}): {_BUILD}."
        ) from error
    version.restype = kernels.restype = ctypes.c_char_p
    found = version().decode()
    if found != __version__:
        raise UserError(f"{str(path)!r} was built for larq_el {found}, and this is {__version__}: {_BUILD} again.")
    return library
