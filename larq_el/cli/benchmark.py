"""`larq-el benchmark`."""

import click

from larq_el.cli import options
from larq_el.cli.tables import print_rows

NOTE = (
    "LCE's kernels are written for ARM: on x86 they are portable code, and their latencies say nothing of a device. "
    "Compare ratios and medians of one call: machines drift."
)


@click.command("benchmark")
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--runtime",
    "runtimes",
    multiple=True,
    help="lce, lce-indirect or stock; may be given more than once.  [default: what fits each file]",
)
@click.option("--threads", default=1, show_default=True, help="Threads of each interpreter.")
@click.option("--runs", default=50, show_default=True, help="Timed runs of each file in each runtime.")
@click.option("--warmup", default=5, show_default=True, help="Runs before them that are not timed.")
@options.as_json
def command(
    files: tuple[str, ...], runtimes: tuple[str, ...], threads: int, runs: int, warmup: int, as_json: bool
) -> None:
    """Measure the latency of .tflite FILES on this machine, in turn."""
    from larq_el.benchmark import benchmark, environment

    results = benchmark(files, runtimes=runtimes or None, num_threads=threads, runs=runs, warmup=warmup)
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
