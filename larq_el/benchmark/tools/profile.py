"""The per-operator tables that TFLite's benchmark tools print with `--enable_op_profiling`, as text or as CSV.

A report holds the tables "Run Order", "Top by Computation Time" and "Summary by node type"; the first has every row,
and the others follow from it. There is a report of the initialization and one of the timed runs; a model with subgraphs
(a loop's body), or delegates that profile themselves, add further ones that are parts of the main graph's rows.

Columns are found by the header: their number differs between versions of the tools. Fields cannot be: a node type may
hold blanks and commas ("Add (ND, F32)"), the tabs between them may have been lost when somebody pasted the output, and
the CSV form quotes nothing. But numbers stand between type and name, so a row is matched from there.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from larq_el.errors import UserError

KINDS = ("binary", "element-wise", "float convolutions", "other")
"""What a row of a profile is counted as, see `kind_of`."""
_PATTERNS = (
    ("binary", r"^Lce|^LarqElDelegate"),
    ("float convolutions", r"conv(?!ert)|^fully.?connected|^batch.?mat.?mul"),
    ("element-wise", r"^(add|sub|subtract|mul|multiply|div|divide|copy|concat\w*|p?re?lu\w*|max\w*imum|min\w*imum)\b"),
    ("element-wise", r"^(add_n|squared?_\w+|hard_?swish|clamp|square|sqrt|rsqrt|abs|neg\w*|sigmoid|tanh|elu|exp)\b"),
)
_NUMBER = r"([-+]?(?:nan|inf|[\d.]+(?:e[-+]?\d+)?))%?"
_NAMES = {"avg": "avg ms", "avg_ms": "avg ms", "avg %": "%", "cdf %": "cdf%"}
_END = ("=====", "Number of nodes executed", "Timings (")


class OutputError(UserError):
    """A benchmark tool's output that cannot be understood."""


@dataclass(frozen=True)
class Row:
    """One row of "Run Order": a node of the graph, or nodes of the same name together.

    # Attributes
        node_type: the operator, as the runtime names it.
        name: of the node.
        average_ms: of one call.
        calls: in one inference.
        percent: of the inference's time, all calls together.
        memory_kb: that the node allocated.
        first_ms: the first call; None where the tool does not print it.
    """

    node_type: str
    name: str
    average_ms: float
    calls: int
    percent: float
    memory_kb: float
    first_ms: float | None

    @property
    def total_ms(self) -> float:
        """Of all calls in one inference."""
        return self.average_ms * self.calls


@dataclass(frozen=True)
class Profile:
    """The rows of one report."""

    rows: tuple[Row, ...]

    @property
    def total_ms(self) -> float:
        """Of one inference, as the rows add up."""
        return sum(row.total_ms for row in self.rows)

    def by_kind(self) -> dict[str, float]:
        """Milliseconds of one inference for each of `KINDS`."""
        return {kind: sum(row.total_ms for row in self.rows if kind_of(row.node_type) == kind) for kind in KINDS}

    def by_type(self) -> dict[str, float]:
        """Milliseconds of one inference for each operator, the slowest first."""
        sums: dict[str, float] = {}
        for row in self.rows:
            sums[row.node_type] = sums.get(row.node_type, 0.0) + row.total_ms
        return dict(sorted(sums.items(), key=lambda item: -item[1]))


def kind_of(node_type: str) -> str:
    """Which of `KINDS` an operator belongs to; XNNPACK's "Copy" is a concatenation, as Elastic-Link's Expand.

    >>> [kind_of(name) for name in ("LceBconv2d", "Add (ND, F32)", "Convolution (NHWC, F32) GEMM", "SOFTMAX")]
    ['binary', 'element-wise', 'float convolutions', 'other']
    """
    for kind, pattern in _PATTERNS:
        if re.search(pattern, node_type, re.IGNORECASE):
            return kind
    return "other"


def parse_profiles(text: str) -> tuple[Profile | None, Profile | None]:
    """The profiles in a tool's output, or in the file of `--profiling_output_csv_file`.

    # Arguments
        text: all of it; lines that belong to no table are skipped.

    # Returns
        The profile of the initialization and that of the timed runs; None for one that is not there.

    # Raises
        ValueError: where a table has a row that does not fit its header.
    """
    found: dict[str, Profile] = {}
    report = title = ""
    part = False
    lines = iter(text.splitlines())
    for line in lines:
        if "Profiling Info for" in line:
            report = "initialization" if "Initialization" in line else "runs"
            part = False
        elif re.match(r"\s*(Subgraph \(|Delegate internal)", line):
            part = True
        elif line.startswith("====="):
            title = line.strip("= ")
        elif title == "Run Order" and _is_header(line):
            rows = _rows(line, lines)
            if report and not part:
                found.setdefault(report, Profile(rows))
            title = ""
    return found.get("initialization"), found.get("runs")


def _is_header(line: str) -> bool:
    return re.match(r"\s*\[?node type[],]", line, re.IGNORECASE) is not None


def _rows(header: str, lines: Iterator[str]) -> tuple[Row, ...]:
    columns, pattern = _columns(header)
    rows = []
    for line in lines:
        if not line.strip() or line.startswith(_END):
            break
        match = pattern.match(line.strip())
        if match is None:
            raise OutputError(f"this row of the profile does not fit its header: {line.strip()!r}.")
        rows.append(_row(dict(zip(columns, match.groups(), strict=True))))
    return tuple(rows)


def _columns(header: str) -> tuple[list[str], re.Pattern[str]]:
    """The names of the columns, and a pattern of a row with a group for each."""
    csv = "[" not in header
    names = header.split(",") if csv else re.findall(r"\[([^]]+)\]", header)
    names = [_NAMES.get(name.strip().lower(), name.strip().lower()) for name in names]
    missing = {"node type", "avg ms", "%", "times called", "name"} - set(names)
    if missing:
        raise OutputError(f"the profile has no column {min(missing)!r}: its header is {header.strip()!r}.")
    separator = r",\s*" if csv else r"\s+"
    fields = {"node type": "(.+?)", "name": "(.*)"}
    return names, re.compile(separator.join(fields.get(name, _NUMBER) for name in names) + "$", re.IGNORECASE)


def _row(fields: dict[str, str]) -> Row:
    return Row(
        node_type=fields["node type"],
        # the CSV form replaces the commas in names by tabs
        name=fields["name"].replace("\t", ","),
        average_ms=float(fields["avg ms"]),
        calls=int(float(fields["times called"])),
        percent=float(fields["%"]),
        memory_kb=float(fields.get("mem kb", 0)),
        first_ms=float(fields["first"]) if "first" in fields else None,
    )
