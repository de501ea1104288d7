"""A report as one HTML page: no scripts, no other files, every value escaped."""

from html import escape

from larq_el.convert.report.report import Report
from larq_el.tables import as_html

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
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        "</head>",
        "<body>",
        f"<h1>{escape(title)}</h1>",
        "<h2>Where the multiply-accumulates and the bytes are</h2>",
        _chart(report),
        as_html(report.parts()),
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


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
