"""Writes `zoo/__init__.pyi`: the model functions are made from data, and editors and type checkers read code alone.

python -m larq_el.zoo.stub          # writes it
"""

import inspect
from pathlib import Path

from larq_el import zoo
from larq_el.files import write_atomically

PATH = Path(zoo.__file__).with_suffix(".pyi")
_HEAD = '''"""Models by name. Written by `python -m larq_el.zoo.stub`; do not edit."""

'''


def stub() -> str:
    """The contents of the stub: what the package exports from its modules, and each model function's signature."""
    lines = [_HEAD + "from larq_el._keras import Model, Tensor"]
    for name in sorted(set(zoo.__all__) - set(zoo.MODEL_FUNCTIONS)):
        lines.append(f"from {_home(name)} import {name} as {name}")
    lines += ["", "__all__: list[str]"]
    for name, function in sorted(zoo.MODEL_FUNCTIONS.items()):
        parameters = inspect.signature(function).parameters.values()
        lines += ["", f"def {name}(", "    *,", *map(_line, parameters), ") -> Model:"]
        lines.append(f'    """{(inspect.getdoc(function) or "").splitlines()[0]}"""')
    return "\n".join(lines) + "\n"


def _line(parameter: inspect.Parameter) -> str:
    # what is a tensor is `Any` by the time that it can be looked at
    return f"    {parameter},".replace("'", '"').replace(": Any", ": Tensor | None")


def _home(name: str) -> str:
    """The module that a name of the package is from."""
    module = getattr(getattr(zoo, name), "__module__", None)
    homes = {"METHODS": "larq_el.zoo.methods", "MODEL_FUNCTIONS": "larq_el.zoo.models"}
    return homes.get(name) or module or "larq_el.zoo.weights.published"


if __name__ == "__main__":
    write_atomically(PATH, stub().encode())
