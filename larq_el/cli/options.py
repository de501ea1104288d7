"""Options that several commands share, and how they print."""

import json
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])

imports = click.option(
    "--import",
    "imports",
    multiple=True,
    metavar="MODULE",
    help="A Python file or module that registers custom layers or quantizers. It is run. May be given several times.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts instead of a table.")


def dataset(default: str | None = "digits") -> Callable[[Function], Function]:
    """--dataset and --data-dir."""

    def decorate(function: Function) -> Function:
        function = click.option("--data-dir", help="Where TensorFlow Datasets keeps its data.")(function)
        return click.option(
            "--dataset",
            default=default,
            show_default=default is not None,
            help="'digits' (embedded), or an image-classification set of TensorFlow Datasets such as cifar10.",
        )(function)

    return decorate


def model_shape(function: Function) -> Function:
    """--input-size, --classes and --width, for a model that is built by its name."""
    function = click.option("--width", type=float, help="Multiplier of a zoo model's channels.  [default: 1.0]")(
        function
    )
    function = click.option("--classes", type=int, help="Classes of a zoo model.")(function)
    return click.option("--input-size", type=int, help="Height and width of a zoo model's image, in pixels.")(function)


def print_json(value: Any) -> None:
    """Prints a JSON document on standard output."""
    json.dump(value, sys.stdout, indent=2)
    sys.stdout.write("\n")


def shape_of(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `create_model` among the options of `model_shape`; what was not given keeps its default."""
    size = given["input_size"]
    arguments = {
        "input_shape": None if size is None else (size, size, 3),
        "classes": given["classes"],
        "width": given["width"],
    }
    return {name: value for name, value in arguments.items() if value is not None}
