"""`larq-el convert` and `lce_convert`."""

import json
from pathlib import Path
from typing import Any

import click

from larq_el.cli import options
from larq_el.cli.app import CheckError
from larq_el.cli.tables import print_report


@click.command("convert")
@click.argument("model")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The .tflite file to write.")
@click.option("--weights", help="A weights file to load into the model.")
@options.model_shape
@click.option(
    "--float-ops",
    default="float32",
    show_default=True,
    help="What the full-precision rest computes with: float32, float16 or int8.",
)
@click.option("--report", type=click.Path(path_type=Path), help="Also write the report to this JSON file.")
@click.option("--allow-float", is_flag=True, help="Keep the file though a binary convolution stayed float.")
@click.option("--allow-faulty", is_flag=True, help="Keep the file though LCE's fast kernels compute it wrongly.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@options.as_json
def command(
    model: str,
    output: Path,
    weights: str | None,
    float_ops: str,
    report: Path | None,
    allow_float: bool,
    allow_faulty: bool,
    overwrite: bool,
    as_json: bool,
    **shape: Any,
) -> None:
    """Convert MODEL to a Larq Compute Engine flatbuffer.

    MODEL is a name of `larq-el zoo`, an .h5 or .keras file, or the folder of a SavedModel. A convolution that is binary
    in Keras and not in the flatbuffer is an error (exit 1, no file is written) unless --allow-float is given; so is one
    that the Larq Compute Engine would compute wrongly, unless --allow-faulty is given.
    """
    from larq_el.convert.loading import check_source
    from larq_el.files import check_output, write_atomically

    check_source(model)
    for path in (output, report):
        if path is not None:
            check_output(path, overwrite=overwrite)
    from larq_el.convert import convert, load_model

    conversion = convert(load_model(model, weights=weights, **options.shape_of(shape)), float_ops=float_ops)
    document = {"model": model, "float_ops": float_ops, **conversion.report.to_dict()}
    if report is not None:
        write_atomically(report, (json.dumps(document, indent=2) + "\n").encode())
    refusal = _refusal(conversion.report, allow_float=allow_float, allow_faulty=allow_faulty)
    if as_json:
        options.print_json({**document, "output": None if refusal else str(output)})
    else:
        print_report(conversion.report, str(output))
    if refusal:
        raise CheckError(refusal)
    conversion.save(output, overwrite=overwrite)


def _refusal(report: Any, *, allow_float: bool, allow_faulty: bool) -> str:
    """Why the file is not to be kept, "" where it is."""
    lost, faulty = report.lost, report.faulty
    if lost and not allow_float:
        reasons = "; ".join(f"{conv.layer!r}: {conv.reason}" for conv in lost)
        return f"{len(lost)} binary convolution(s) would run in float, {reasons}. --allow-float accepts that."
    if faulty and not allow_faulty:
        faults = "; ".join(f"{conv.layer!r}: {conv.fault}" for conv in faulty)
        return f"{len(faulty)} convolution(s) would be computed wrongly, {faults}. --allow-faulty accepts that."
    return ""
