"""Options that several commands share, and how they print."""

import json
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from larq_el.tflite.probe import NAMES as RUNNERS

Function = TypeVar("Function", bound=Callable[..., Any])


class _File(click.ParamType):
    """A file's name that the shell completes, and that the command looks at itself."""

    name = "path"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type="file")]


FILE = _File()

imports = click.option(
    "--import",
    "imports",
    multiple=True,
    metavar="MODULE",
    help="A Python file or module that registers custom layers or quantizers. It is run. May be given several times.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts instead of a table.")


def runtime(text: str, *, multiple: bool = False) -> Callable[[Function], Function]:
    """--runtime, by the names that all commands know.

    # Arguments
        text: for the help.
        multiple: whether it may be given more than once; the parameter is then called `runtimes`.
    """
    name = "runtimes" if multiple else "runtime"
    return click.option("--runtime", name, type=click.Choice(tuple(RUNNERS)), multiple=multiple, help=text)


data_dir = click.option("--data-dir", help="Where TensorFlow Datasets keeps its data.")


def samples(count: int | None, purpose: str, default: str | None = None) -> Callable[[Function], Function]:
    """--samples, --count and --data-dir: a source of samples means the same in every command.

    # Arguments
        count: default of --count; None for all.
        purpose: what they are for, for the help.
        default: the source where none is given.
    """

    def decorate(function: Function) -> Function:
        # what they were called before
        for name in ("--dataset", "--inputs"):
            function = click.option(name, f"old_{name.strip('-')}", hidden=True)(function)
        function = data_dir(function)
        function = click.option(
            "--count", "--limit", type=int, default=count, show_default=count is not None, help="Number of --samples."
        )(function)
        return click.option(
            "--samples",
            default=default,
            show_default=default is not None,
            metavar="SOURCE",
            help=f"{purpose}: 'digits' (embedded), an image-classification set of TensorFlow Datasets such as cifar10, "
            "or an .npz file with an array for each input, and the classes as 'labels'.",
        )(function)

    return decorate


def source_of(given: dict[str, Any]) -> tuple[str | None, int | None]:
    """The source and the count among the options of `samples`, which are taken out.

    # Arguments
        given: the options.
    """
    source: str | None = given.pop("samples")
    count: int | None = given.pop("count")
    old: str | None = given.pop("old_dataset") or given.pop("old_inputs", None)
    given.pop("old_inputs", None)
    if source is not None and source.isdigit():  # once the name of the count
        count, source = int(source), None
    return old or source, count


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
