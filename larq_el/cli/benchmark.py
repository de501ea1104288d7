"""`larq-el benchmark`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from larq_el.cli import options
from larq_el.cli.tables import print_rows
from larq_el.errors import UserError
from larq_el.files import check_output, write_atomically

if TYPE_CHECKING:
    from larq_el.benchmark.comparison import Settings

NOTE = (
    "LCE's kernels are written for ARM: on x86 they are portable code, and their latencies say nothing of a device. "
    "Compare ratios and medians of one call: machines drift."
)


@click.command("benchmark")
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--on",
    "targets",
    multiple=True,
    metavar="TARGET",
    help="local, adb, adb:SERIAL or ssh://user@host:port; may be given more than once.  [default: this machine]",
)
@click.option(
    "--runtime",
    "runtimes",
    multiple=True,
    help="On this machine: lce, lce-indirect, native, stock; may be given more than once.  [default: what fits a file]",
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
    **settings: Any,
) -> None:
    """Measure the latency of .tflite FILES on this machine, on Android devices, and over ssh.

    What is copied to a device is removed at the end, whether the measurement succeeds, fails or is interrupted.
    """
    from larq_el.benchmark.comparison import Settings

    settings["runtimes"] = settings["runtimes"] or None
    given = Settings(**settings)
    local = Settings(given.runs, given.warmup, given.threads, profile=given.profile, runtimes=given.runtimes)
    if targets or csv_file or plot_file or accuracy or given != local:
        _compare(files, targets or ("local",), given, csv_file, plot_file, accuracy, overwrite, as_json)
    else:
        _here(files, given, as_json)


def _here(files: tuple[str, ...], settings: Settings, as_json: bool) -> None:
    """This machine alone."""
    from larq_el.benchmark import benchmark, environment

    runs, threads = settings.runs, settings.threads
    results = benchmark(files, runtimes=settings.runtimes, num_threads=threads, runs=runs, warmup=settings.warmup)
    where = environment(threads)
    if as_json:
        options.print_json({"environment": where, "runs": runs, "results": [result.to_dict() for result in results]})
        return
    rows = []
    for result in results:
        low, high = result.quartiles_ms
        rows.append(
            [
                str(result.path),
                result.runtime,
                f"{result.bytes / 1e6:.2f}",
                f"{result.median_ms:.3f}",
                f"{low:.3f} to {high:.3f}",
                f"{result.median_ms / results[0].median_ms:.2f}",
            ]
        )
    columns = ["file", "runtime", "MB", "median ms", "middle half", "ratio to the first"]
    print_rows(f"{where['cpu']}, {threads} thread(s), {runs} runs", columns, rows)
    click.echo(f"{where['os']}, Python {where['python']}, {where['packages']}.")
    click.echo(NOTE)


def _compare(
    files: tuple[str, ...],
    targets: tuple[str, ...],
    settings: Settings,
    csv_file: str | None,
    plot_file: str | None,
    accuracy_file: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Devices, side by side; what did not fail is printed before what did."""
    from larq_el.benchmark import tables
    from larq_el.benchmark.comparison import compare
    from larq_el.benchmark.devices.interrupts import termination_interrupts

    reads = (*files, accuracy_file, settings.tool, settings.delegate, settings.wheel, settings.ssh_config)
    outputs = [check_output(name, overwrite=overwrite, reads=reads) for name in (csv_file, plot_file) if name]
    suffix = Path(plot_file or "").suffix
    if plot_file and suffix not in tables.PICTURES:
        raise UserError(f"--plot writes {', '.join(tables.PICTURES)}, got {plot_file!r}.")
    accuracy = tables.read_accuracy(accuracy_file) if accuracy_file else {}
    with termination_interrupts():
        results, failures = compare(files, targets, settings)
    if as_json:
        documents = [{**result.to_dict(), "accuracy": accuracy.get(result.path.name)} for result in results]
        options.print_json(
            {"runs": settings.runs, "threads": settings.threads, "results": documents, "failures": failures}
        )
    elif results:
        columns, rows = tables.rows(results, accuracy)
        print_rows(f"{settings.threads} thread(s), {tables.runs_of(results)} runs", columns, rows)
        for line in tables.notes(results):
            click.echo(line)
    if results and csv_file:
        write_atomically(outputs.pop(0), tables.to_csv(results, accuracy).encode())
    if results and plot_file:
        write_atomically(outputs.pop(0), tables.plot(results, accuracy, suffix))
    if failures:
        more = f" ({len(failures) - 1} more failed: {' '.join(failures[1:])})" if failures[1:] else ""
        raise UserError(f"{failures[0]}{more}")
