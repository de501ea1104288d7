"""The command group: finds a command's file when it is called for, and turns errors into exit statuses."""

import importlib
import sys
from collections.abc import Sequence

import click

from larq_el._version import __version__
from larq_el.cli.exit import run
from larq_el.errors import UserError, closest

COMMANDS = {
    "zoo": "List the models and the recipes, show one, or pack weights.",
    "binarize": "Make any Keras model binary, or plan it.",
    "train": "Train a model by the stages of a recipe.",
    "evaluate": "Measure the accuracy of a model or a flatbuffer.",
    "predict": "Say what is in images, by a model or a flatbuffer.",
    "convert": "Convert a model to an LCE flatbuffer and report what became binary.",
    "inspect": "Report what a flatbuffer is made of.",
    "verify": "Compare a flatbuffer with its Keras model on real samples.",
    "benchmark": "Measure the latency of flatbuffers on this machine.",
    "plot": "Draw trainings: curves, gammas, feature maps.",
    "demo": "Train, convert, verify and benchmark small models, in minutes.",
}


class _Group(click.Group):
    """Commands stand in `larq_el.cli.<name>`, each with a click command named `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return importlib.import_module(f"larq_el.cli.{cmd_name}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]):  # type: ignore[no-untyped-def]
        if args and args[0] not in COMMANDS:
            raise UserError(f"there is no command {args[0]!r}; {closest(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)


HELP = {"help_option_names": ["-h", "--help"]}


@click.group(cls=_Group, context_settings=HELP)
@click.version_option(__version__, prog_name="larq-el")
def group() -> None:
    """Binarized neural networks with Elastic-Link, from definition to device."""


def main(args: Sequence[str] | None = None) -> None:
    """Entry point of `larq-el`."""
    sys.exit(run(group, args))


def lce_convert(args: Sequence[str] | None = None) -> None:
    """Entry point of `lce_convert`, the same as `larq-el convert`."""
    from larq_el.cli.convert import command

    alone = click.Command(
        "lce_convert", HELP, command.callback, command.params, help=command.help, short_help=command.short_help
    )
    sys.exit(run(click.version_option(__version__, prog_name="lce_convert")(alone), args))
