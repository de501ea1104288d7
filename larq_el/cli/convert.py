"""`larq-el convert` and `lce_convert`."""

import json
from pathlib import Path
from typing import Any

import click

from larq_el.cli import options
from larq_el.cli.exit import CheckError
from larq_el.cli.progress import Line
from larq_el.cli.tables import print_parts, visible
from larq_el.convert.quantization.names import FLOAT_OPS, check_float_ops_name
from larq_el.errors import UserError


@click.command("convert")
@click.argument("model", type=options.FILE)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The .tflite file to write.")
@click.option("--weights", help="A weights file to load into the model.")
@options.model_shape
@click.option(
    "--float-ops",
    type=click.Choice(FLOAT_OPS),
    default="float32",
    show_default=True,
    help="What the full-precision rest computes with.",
)
@options.samples(
    1000,
    "To measure on what folding changes and --float-ops costs (int8-static is calibrated on the first 500 of them, at "
    "most half)",
)
@click.option(
    "--labels",
    type=options.FILE,
    help="File with the name of a class a line, to keep in the file.  [default: labels.txt beside MODEL]",
)
@click.option("--no-folding", is_flag=True, help="Keep what inference does not need, such as gamma, as it is.")
@click.option(
    "--no-proof", is_flag=True, help="Do not compare each layer with Keras; the report says that it is not proven."
)
@options.imports
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
    labels: str | None,
    no_folding: bool,
    no_proof: bool,
    data_dir: str | None,
    imports: tuple[str, ...],
    report: Path | None,
    allow_float: bool,
    allow_faulty: bool,
    overwrite: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Convert MODEL to a Larq Compute Engine flatbuffer.

    MODEL is a name of `larq-el zoo`, an .h5 or .keras file, or the folder of a SavedModel. A convolution that is binary
    in Keras and not in the flatbuffer is an error (exit 1, no file is written) unless --allow-float is given; so is one
    that the Larq Compute Engine would compute wrongly, unless --allow-faulty is given. The file is compared with Keras
    layer by layer, in each runtime that can run it; a difference is an error too, unless --no-proof is given.

    An .h5 or .keras file runs no code of its own, whoever it is from. A SavedModel is a program that may read and write
    files: convert those of people that you trust.
    """
    from larq_el.files import check_output, write_output
    from larq_el.models.source import check_source

    samples, count = options.source_of(given)
    source = check_source(model)
    names = _class_names(labels, source)
    _check_arguments(output, report, samples, float_ops)
    for path in (output, report):
        if path is not None:
            check_output(path, overwrite=overwrite, reads=(model, weights, samples, *imports))
    from larq_el.convert import convert, load_model

    with Line(as_json) as line:
        line.update(f"{model}: reading")
        keras_model = load_model(model, weights=weights, imports=imports, **options.shape_of(given))
        measured = {} if samples is None else _measured(samples, keras_model, count, data_dir)
        line.update(f"{model}: converting{'' if no_proof else ', and proving it in each runtime'}")
        conversion = convert(
            keras_model,
            float_ops=float_ops,
            class_names=names,
            folding=not no_folding,
            proof=not no_proof,
            **measured,
        )
    document = {"model": model, "float_ops": float_ops, **conversion.report.to_dict()}
    if report is not None:
        write_output(report, (json.dumps(document, indent=2) + "\n").encode())
    refusal = _refusal(conversion.report, allow_float=allow_float, allow_faulty=allow_faulty)
    if as_json:
        options.print_json({**document, "output": None if refusal else str(output)})
    else:
        click.echo(visible(str(output)))
        print_parts(conversion.report.parts())
        if conversion.report.proof is None:
            click.echo("Not proven (--no-proof): nobody has compared the file with the model.")
    if refusal:
        raise CheckError(refusal)
    conversion.save(output, overwrite=overwrite)


def _class_names(labels: str | None, source: Path | None) -> list[str] | None:
    from larq_el.tflite.class_names import beside, read_class_names

    if labels is not None:
        return read_class_names(labels)
    return None if source is None else beside(source)


def _check_arguments(output: Path, report: Path | None, samples: str | None, float_ops: str) -> None:
    check_float_ops_name(float_ops, samples=samples is not None)
    if report is not None and report.absolute() == output.absolute():
        raise UserError(f"--report and --output are both {str(output)!r}; give two names.")


def _measured(samples: str, model: Any, count: int | None, data_dir: str | None) -> dict[str, Any]:
    from larq_el.data.samples import load_samples

    arrays, labels = load_samples(samples, model.input_names, count, image_shape=model, data_dir=data_dir)
    return {"samples": arrays, "labels": labels}


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
