"""A report as one HTML page: no scripts, no other files, every value escaped."""

from html import escape

from larq_el.convert.report.report import Convolution, Report

WIDTH, ROW = 900, 18
"""Of the chart, in pixels: its width, and the height of a convolution's row."""
LABEL = 260
BINARY, FLOAT = "#2b7a78", "#d9822b"

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; color: #222; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { padding: .25em .7em; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.bad { color: #b00020; }
svg { max-width: 100%; height: auto; font: 11px system-ui, sans-serif; }
"""


def page(report: Report, title: str) -> str:
    """The page.

    # Arguments
        report: of `inspect` or of a conversion.
        title: such as the file's name.

    >>> page(Report((), {}, 0), "<b>")[:43]
    '<!DOCTYPE html>\\n<html lang="en">\\n<head>\\n<me'
    >>> "<b>" in page(Report((), {}, 0), "<b>")
    False
    """
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        "</head>",
        "<body>",
        f"<h1>{escape(title)}</h1>",
        f"<p>{_summary(report)}</p>",
        "<h2>Runtimes</h2>",
        _table(["runtime", "runs it fully", "what keeps it from that, or has to be set"], _runtime_rows(report)),
        f"<p>{_proof(report)}</p>",
        "<h2>Where the multiply-accumulates and the bytes are</h2>",
        _chart(report),
        "<h2>Convolutions and dense layers</h2>",
        _table(["layer", "operator", "kernel", "MACs", "bytes", "why float, or wrong"], _layer_rows(report)),
        "<h2>What would make it faster</h2>",
        _table(["change", "layers", "gain"], [[one.change, ", ".join(one.layers), one.gain] for one in report.advice]),
        "<h2>Operators</h2>",
        _table(["operator", "number", "bytes of constants"], _operator_rows(report)),
        "<h2>Inputs and outputs</h2>",
        _table(["", "name", "shape", "type"], _port_rows(report)),
        "</body>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def _summary(report: Report) -> str:
    binary = sum(conv.binary for conv in report.convolutions)
    return (
        f"{report.bytes:,} bytes: {report.binary_bytes:,} of binary convolutions, {report.float_bytes:,} of other "
        f"constants. {binary} binary and {len(report.convolutions) - binary} float convolutions and dense layers; "
        f"{report.binary_macs:,} binary and {report.float_macs:,} float multiply-accumulates."
    )


def _proof(report: Report) -> str:
    if report.proof is None:
        return "Not proven: the file was not compared with a Keras model."
    proof = report.proof
    apart = [*(f"{name} (random)" for name in proof.random), *proof.unproven]
    rest = f" Not proven: {', '.join(apart)}." if apart else ""
    return escape(f"Equal to the Keras model, layer by layer, in {', '.join(proof.runtimes)}.{rest}")


def _runtime_rows(report: Report) -> list[list[str]]:
    return [
        [runtime.name, "yes" if runtime.runs else "no", ", ".join(runtime.missing) or runtime.refused or runtime.note]
        for runtime in report.runtimes
    ]


def _layer_rows(report: Report) -> list[list[str]]:
    return [
        [conv.layer, conv.operator, _kernel(conv), f"{conv.macs:,}", f"{conv.bytes:,}", conv.fault or conv.reason]
        for conv in report.convolutions
    ]


def _kernel(conv: Convolution) -> str:
    return "x".join(map(str, conv.kernel))


def _operator_rows(report: Report) -> list[list[str]]:
    return [[name, f"{count:,}", f"{report.operator_bytes.get(name, 0):,}"] for name, count in report.operators.items()]


def _port_rows(report: Report) -> list[list[str]]:
    ports = [("input", port) for port in report.inputs] + [("output", port) for port in report.outputs]
    return [[kind, port.name, "x".join(map(str, port.shape)), port.dtype] for kind, port in ports]


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = ["<table>", "<tr>" + "".join(f"<th>{escape(name)}</th>" for name in header) + "</tr>"]
    for row in rows:
        cells = (f'<td class="n">{value}</td>' if _is_number(value) else f"<td>{escape(value)}</td>" for value in row)
        lines.append("<tr>" + "".join(cells) + "</tr>")
    return "\n".join([*lines, "</table>"])


def _is_number(value: str) -> bool:
    return value.replace(",", "").isdecimal() and value.isascii()


def _chart(report: Report) -> str:
    """Two bars a convolution: its share of the multiply-accumulates, and of the bytes."""
    convs = report.convolutions
    height = ROW * len(convs) + 2 * ROW
    width = (WIDTH - LABEL) // 2 - 20
    right = LABEL + width + 40
    lines = [
        f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
        'xmlns="http://www.w3.org/2000/svg">',
        f"<title>{escape('Multiply-accumulates and bytes of each convolution')}</title>",
        f'<text x="{LABEL}" y="12">multiply-accumulates</text><text x="{right}" y="12">bytes</text>',
    ]
    most_macs = max((conv.macs for conv in convs), default=0) or 1
    most_bytes = max((conv.bytes for conv in convs), default=0) or 1
    for at, conv in enumerate(convs):
        y = ROW * (at + 1)
        colour = BINARY if conv.binary else FLOAT
        lines.append(f'<text x="{LABEL - 8}" y="{y + 12}" text-anchor="end">{escape(conv.layer[:40])}</text>')
        for x, share in ((LABEL, conv.macs / most_macs), (right, conv.bytes / most_bytes)):
            lines.append(f'<rect x="{x}" y="{y + 2}" width="{share * width:.1f}" height="{ROW - 5}" fill="{colour}"/>')
    y = height - 4
    lines.append(f'<text x="{LABEL}" y="{y}" fill="{BINARY}">binary</text>')
    lines.append(f'<text x="{LABEL + 60}" y="{y}" fill="{FLOAT}">float</text>')
    return "\n".join([*lines, "</svg>"])
