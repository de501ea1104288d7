"""A report as tables and sentences: what the terminal, the page and a notebook show."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from larq_el.tables import Parts, Table
from larq_el.tflite.agreement import has_classes
from larq_el.tflite.runtimes import Runtime

if TYPE_CHECKING:
    from larq_el.convert.report.report import FloatCheck, Folding, Proof, Report

MOST_LAYERS = 3
"""That an advice names; JSON has all of them."""


def parts_of(report: "Report") -> Parts:
    """The tables and sentences of a report, in the order in which a reader asks.

    # Arguments
        report: of `inspect` or of a conversion.
    """
    yield layers_of(report)
    yield summary_of(report)
    if report.subgraphs > 1:
        yield f"It has {report.subgraphs} graphs: bodies of loops and branches, or other signatures, are counted."
    if report.unresolved:
        yield f"No runtime of TFLite or LCE has an operator for {', '.join(report.unresolved)}."
    rows = [[one.name, "yes" if one.runs else "no", _why(one)] for one in report.runtimes]
    yield Table("Runtimes", ["runtime", "runs it", "what keeps it from that, or has to be set"], rows)
    yield from _steps(report)
    sizes = report.operator_bytes
    rows = [[name, f"{count:,}", f"{sizes.get(name, 0):,}"] for name, count in report.operators.items()]
    yield Table("Operators", ["operator", "number", "bytes"], rows)
    ports = [("input", port) for port in report.inputs] + [("output", port) for port in report.outputs]
    rows = [[kind, port.name, _by(port.shape), port.dtype] for kind, port in ports]
    yield Table("Inputs and outputs", ["", "name", "shape", "type"], rows)
    rows = [[one.change, _some(one.layers), one.gain] for one in report.advice]
    if rows:
        yield Table("What would make it faster", ["change", "layers", "gain"], rows)


def layers_of(report: "Report") -> Table:
    """A row for each convolution and dense layer."""
    convs = report.convolutions
    rows = [
        [conv.layer, conv.operator, _by(conv.kernel), f"{conv.macs:,}", f"{conv.bytes:,}", conv.fault or conv.reason]
        for conv in convs
    ]
    marked = frozenset(at for at, conv in enumerate(convs) if conv.fault or conv.avoidable)
    columns = ["layer", "operator", "kernel", "MACs", "bytes", "why float, or wrong"]
    return Table("Convolutions and dense layers", columns, rows, marked)


def summary_of(report: "Report") -> str:
    """How many of them are binary, their multiply-accumulates and their bytes."""
    binary = sum(conv.binary for conv in report.convolutions)
    return (
        f"{binary} binary and {len(report.convolutions) - binary} float convolutions and dense layers; "
        f"{report.binary_macs / 1e6:,.1f}M binary and {report.float_macs / 1e6:,.1f}M float MACs; "
        f"{report.bytes / 1e6:,.2f} MB: {report.binary_bytes:,} bytes of binary convolutions, {report.float_bytes:,} "
        "of other constants."
    )


def _steps(report: "Report") -> Iterator[str]:
    """What the conversion did, and what it found; a flatbuffer that is looked at has none of it."""
    agreeing = "the same class" if all(has_classes(port.shape) for port in report.outputs) else "outputs that agree"
    if report.folding is not None:
        yield _folding(report.folding, agreeing)
    if report.float_check is not None:
        yield _float_check(report.float_check, agreeing)
    if report.proof is not None:
        yield from _proof(report.proof)


def _folding(folding: "Folding", agreeing: str) -> str:
    if folding.refused:
        return f"Nothing is folded: {folding.refused!r} would not be what it was. Please report that."
    gone = ", ".join(f"{count} {name}" for name, count in folding.operators.items())
    measured = ""
    if folding.samples:
        measured = (
            f"; {agreeing} for {folding.agreement:.2%} of {folding.samples} samples, outputs differ by at most "
            f"{folding.max_abs_diff:.2g}"
        )
    return f"Folded, as inference does not need them: {gone}{measured}."


def _float_check(check: "FloatCheck", agreeing: str) -> str:
    accuracy = ""
    if check.top1_after is not None:
        accuracy = (
            f"top-1 {check.top1_before:.2%} before and {check.top1_after:.2%} after "
            f"(standard error of the difference {check.top1_error:.2%}), "
        )
    calibrated = f"calibrated on {check.calibrated_on} other samples; " if check.calibrated_on else ""
    return (
        f"{check.float_ops}: {accuracy}{agreeing} for {check.agreement:.2%} of {check.samples} samples; "
        f"{calibrated}{_size(check.bytes_before)} before and {_size(check.bytes_after)} after."
    )


def _proof(proof: "Proof") -> Iterator[str]:
    samples = "a sample" if proof.samples == 1 else f"{proof.samples} samples"
    runtimes = ", ".join(proof.runtimes)
    yield f"Proven on {samples} against Keras, {proof.compared} tensors on equal inputs, in {runtimes}."
    if proof.random:
        yield f"Outputs are random: {', '.join(proof.random)} computes something else each time."
    if proof.unproven:
        yield (
            f"Not proven: {', '.join(proof.unproven)}, whose signs inside nobody sees, or which LCE is known to "
            "compute wrongly."
        )
    for runtime, reason in proof.refused.items():
        yield f"{runtime} cannot run it: {reason}."


def _why(runtime: Runtime) -> str:
    return f"it has no {', '.join(runtime.missing)}" if runtime.missing else runtime.refused or runtime.note


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _some(layers: tuple[str, ...]) -> str:
    more = f" and {len(layers) - MOST_LAYERS} more" if len(layers) > MOST_LAYERS else ""
    return ", ".join(layers[:MOST_LAYERS]) + more


def _size(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"
