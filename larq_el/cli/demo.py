"""`larq-el demo`: the main job once, on embedded data, in one table."""

import tempfile
from pathlib import Path
from typing import Any

import click

from larq_el.cli import options
from larq_el.cli.exit import CheckError
from larq_el.cli.progress import Line
from larq_el.cli.tables import print_line, print_rows
from larq_el.files import check_output, write_output

MODELS = {"el_resnet26": "EL-ResNet26", "s_resnet26": "without EL", "resnet26": "float"}
WIDTH = 0.25
RUNTIMES = {"native": "native", "lce-indirect": "LCE indirect", "lce": "LCE", "stock": "LiteRT"}


@click.command("demo")
@click.option("--epochs", default=12, show_default=True, help="Passes over the 1,437 training images.")
@click.option("--runs", default=50, show_default=True, help="Timed runs of each model.")
@click.option("--output", type=click.Path(path_type=Path), help="Keep models and flatbuffers in this new folder.")
@click.option("--picture", type=click.Path(path_type=Path), help="Draw accuracy and latency into a .png, .svg or .pdf.")
@click.option("--overwrite", is_flag=True, help="Replace the picture if it exists.")
@options.as_json
def command(epochs: int, runs: int, output: Path | None, picture: Path | None, overwrite: bool, as_json: bool) -> None:
    """Train a small EL-ResNet26, the same without Elastic-Link and the float network on handwritten digits.

    Then convert each, verify that the flatbuffer computes what Keras computes, and measure accuracy and latency.
    """
    from larq_el.benchmark import environment
    from larq_el.errors import UserError
    from larq_el.pictures import check_picture

    if output is not None and output.exists():
        raise UserError(f"{str(output)!r} exists; name a new folder.")
    if picture is not None:
        check_picture(check_output(picture, overwrite=overwrite))
    with tempfile.TemporaryDirectory() as temporary:
        folder = output or Path(temporary)
        folder.mkdir(exist_ok=True, parents=True)
        rows = _run(folder, epochs, runs, quiet=as_json)
    if picture is not None:
        write_output(picture, _drawn(rows, picture.suffix))
    if as_json:
        options.print_json({"environment": environment(1), "rows": rows})
    else:
        _print(rows, epochs, picture)
    failed = [row["model"] for row in rows if not row["verified"]]
    if failed:
        raise CheckError(f"the flatbuffer of {failed[0]!r} does not compute what its Keras model computes.")


def _run(folder: Path, epochs: int, runs: int, *, quiet: bool) -> list[dict[str, Any]]:
    from larq_el.benchmark import benchmark
    from larq_el.training import load_dataset
    from larq_el.zoo.recipes import ELASTIC_LINK

    digits = load_dataset("digits")
    # the paper's batch of 256 is six steps an epoch here
    recipe = ELASTIC_LINK.changed(epochs=epochs, batch_size=64)
    rows = [_train_and_convert(name, digits, recipe, folder, Line(quiet)) for name in MODELS]
    for measured in benchmark([row["file"] for row in rows], runs=runs):
        row = next(row for row in rows if row["file"] == str(measured.path))
        row["latency_ms"][measured.runtime] = measured.median_ms
    return rows


def _train_and_convert(name: str, digits: Any, recipe: Any, folder: Path, line: Line) -> dict[str, Any]:
    from larq_el import zoo
    from larq_el._keras import keras
    from larq_el.convert import convert, verify
    from larq_el.evaluation import flatbuffer_predictor, top1
    from larq_el.training import train

    keras.utils.set_random_seed(0)
    model = zoo.create_model(name, input_shape=(32, 32, 3), classes=10, width=WIDTH)

    def on_epoch(row: dict[str, float]) -> None:
        line.update(
            f"{name}: epoch {row['epoch']:.0f} of {recipe.stages[0].epochs}, {row['test_accuracy']:.1%} of the digits"
        )

    line.update(f"{name}: training")
    metrics = train(model, digits, recipe, folder / name, verbose=0, on_epoch=on_epoch).metrics
    conversion = convert(model)
    path = conversion.save(folder / f"{name}.tflite")
    images, _ = digits.samples(digits.test_size, (32, 32))
    checked = verify(model, conversion.flatbuffer, images)
    accuracy, _ = top1(flatbuffer_predictor(path).predict, digits.test_batches(image_size=(32, 32)).as_numpy_iterator())
    line.end(f"{name}: {recipe.stages[0].epochs} epochs, {accuracy:.1%} of the digits, converted and verified")
    return {
        "model": name,
        "file": str(path),
        "keras_accuracy": metrics[-1]["test_accuracy"],
        "flatbuffer_accuracy": accuracy,
        "agreement": checked.top1_agreement,
        "verified": checked.passed and not conversion.report.lost,
        "keras_bytes": 4 * model.count_params(),
        "flatbuffer_bytes": len(conversion.flatbuffer),
        "binary_convolutions": sum(conv.binary for conv in conversion.report.convolutions),
        "latency_ms": {},
    }


def _print(rows: list[dict[str, Any]], epochs: int, picture: Path | None) -> None:
    columns = ["", "digits", "agree", "MB", *(f"{title} ms" for title in RUNTIMES.values())]
    table = [
        [
            MODELS[row["model"]],
            f"{row['flatbuffer_accuracy']:.1%}",
            f"{row['agreement']:.1%}",
            f"{row['flatbuffer_bytes'] / 1e6:.2f}",
            *(f"{row['latency_ms'][name]:.2f}" if name in row["latency_ms"] else "" for name in RUNTIMES),
        ]
        for row in rows
    ]
    from larq_el.benchmark.tables import NOTE

    print_rows(f"Width {WIDTH}, {epochs} epochs of handwritten digits, 1 thread", columns, table)
    click.echo(
        "Digits: accuracy of the flatbuffer on 360 test images. Agree: images of the same class in Keras. "
        f"{rows[0]['binary_convolutions']} convolutions are binary in the first two."
    )
    click.echo(NOTE)
    if picture is not None:
        print_line(f"Accuracy and latency are drawn in {picture}.")


def _drawn(rows: list[dict[str, Any]], suffix: str) -> bytes:
    """Accuracy against latency, of each network in the fastest runtime that has it."""
    from larq_el.benchmark.tables import drawn

    points = []
    for row in rows:
        name = min(row["latency_ms"], key=row["latency_ms"].get)
        label = f"{MODELS[row['model']]}\n{RUNTIMES[name]}, {row['flatbuffer_bytes'] / 1e6:.2f} MB"
        points.append((row["latency_ms"][name], 100 * row["flatbuffer_accuracy"], label))
    return drawn("Handwritten digits, one thread", "accuracy, %", points, suffix)
