"""`larq-el benchmark`."""

from pathlib import Path
from typing import Any

import click

from larq_el.cli import options
from larq_el.cli.progress import Line
from larq_el.cli.tables import print_parts
from larq_el.errors import UserError
from larq_el.files import check_output, write_output


@click.command("benchmark")
@click.argument("files", nargs=-1, required=True, type=options.FILE)
@click.option(
    "--on",
    "targets",
    multiple=True,
    metavar="TARGET",
    help="local, adb, adb:SERIAL or ssh://user@host:port; may be given more than once.  [default: this machine]",
)
@options.runtime(
    "On this machine; may be given more than once.  [default: those that fit and are installed]", multiple=True
)
@click.option("--threads", default=1, show_default=True, help="Threads of each interpreter.")
@click.option("--runs", default=50, show_default=True, help="Timed runs of each file in each runtime.")
@click.option("--warmup", default=5, show_default=True, help="Runs before them that are not timed.")
@click.option("--tool", type=Path, help="An lce_benchmark_model or benchmark_model for the device.")
@click.option("--tool-arg", "tool_arguments", multiple=True, help="A further argument of the tool; may be repeated.")
@click.option("--delegate", type=Path, help="A delegate's shared library for the device, which the tool loads.")
@click.option("--wheel", type=Path, help="A wheel of larq_el for a device with Python, in place of a tool.")
@click.option("--cpus", metavar="MASK", help="Processors of the device to run on, as taskset takes them: f0.")
@click.option("--profile/--no-profile", default=True, show_default=True, help="Measure a device's operators too.")
@click.option("--device-folder", "folder", help="Where to work on the device.  [default: /data/local/tmp or /tmp]")
@click.option("--ssh-config", help="A file in place of ~/.ssh/config.")
@click.option("--csv", "csv_file", help="Write the results into a file, too.")
@click.option("--plot", "plot_file", help="Draw latency and size into a .png, .svg or .pdf file.")
@click.option("--accuracy", type=Path, help="A JSON file of accuracies, such as `larq-el evaluate --json` prints.")
@click.option("--overwrite", is_flag=True, help="Replace the files of --csv and --plot.")
@options.as_json
def command(
    files: tuple[str, ...],
    targets: tuple[str, ...],
    csv_file: str | None,
    plot_file: str | None,
    accuracy: Path | None,
    overwrite: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Measure the latency of .tflite FILES on this machine, on Android devices, and over ssh.

    What is copied to a device is removed at the end, whether the measurement succeeds, fails or is interrupted.
    """
    from larq_el.benchmark import tables
    from larq_el.benchmark.comparison import compare
    from larq_el.benchmark.devices.interrupts import termination_interrupts
    from larq_el.benchmark.result import Settings, document
    from larq_el.pictures import check_picture

    settings = Settings(**{**given, "runtimes": given["runtimes"] or None})
    reads = (*files, accuracy, settings.tool, settings.delegate, settings.wheel, settings.ssh_config)
    if csv_file and plot_file and Path(csv_file).absolute() == Path(plot_file).absolute():
        raise UserError(f"--csv and --plot are both {csv_file!r}; give two names.")
    outputs = [check_output(name, overwrite=overwrite, reads=reads) for name in (csv_file, plot_file) if name]
    if plot_file:
        check_picture(Path(plot_file))
    known = tables.read_accuracy(accuracy) if accuracy else {}
    with termination_interrupts(), Line(as_json) as line:
        line.update(f"measuring {len(files)} file(s), {settings.runs} runs in each runtime")
        results, failures = compare(files, targets or ("local",), settings)
    # what did not fail is printed before what did
    if as_json:
        options.print_json(document(results, failures, settings, known))
    elif results:
        print_parts(tables.parts(results, known, settings))
    if results and csv_file:
        write_output(outputs.pop(0), tables.to_csv(results, known).encode())
    if results and plot_file:
        write_output(outputs.pop(0), tables.plot(results, known, Path(plot_file).suffix))
    if failures:
        more = f" ({len(failures) - 1} more failed: {' '.join(failures[1:])})" if failures[1:] else ""
        raise UserError(f"{failures[0]}{more}")
