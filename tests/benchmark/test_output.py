"""Every form of output that the benchmark tools are known for, in files of three parts: output, errors and CSV."""

import re
from pathlib import Path

import pytest

from larq_el.benchmark.tools.failures import ToolCrashError, ToolError
from larq_el.benchmark.tools.output import parse_output, parse_statistic
from larq_el.benchmark.tools.profile import OutputError, kind_of, parse_profiles

FOLDER = Path(__file__).parent / "transcripts"
NAMES = sorted(path.stem for path in FOLDER.glob("*.txt"))

USUAL = {"init_us": 2148, "first_us": 1912, "warmup": 5, "count": 20, "average": 1525.35, "std": 54, "memory": 6.875}
FIGURES = {
    "plain": USUAL,
    "older_build": USUAL | {"memory": 12.5},
    "oldest_build": USUAL | {"first_us": None, "memory": None},
    "prefixed": USUAL,
    "seconds": {"init_us": 92934, "first_us": 4913220, "warmup": 2, "count": 3, "average": 4918860.0, "std": 67836},
    "single_run": {"warmup": 1, "count": 1, "average": 1540, "std": 0, "minimum": 1540, "maximum": 1540, "first": 1540},
    "all_same": {"warmup": 1, "count": 20, "average": 2, "std": 0, "minimum": 2, "maximum": 2},
    "no_warmup": USUAL | {"first_us": None, "warmup": 0},
    "dry_run": {"init_us": 2148, "first_us": None, "warmup": 0, "count": 0, "average": None, "std": None},
    "median": USUAL | {"p5": 1483, "median": 1509, "p95": 1702},
    "merged_streams": USUAL,
    "doubled_lines": USUAL,
    "cut_short": {"count": 4, "average": 263934, "minimum": 254480, "maximum": 277137, "last": 256612},
    "more_runs": {"warmup": 311, "count": 652},
    "peak_memory": USUAL | {"peak": 9.125},
    "unknown_flag": USUAL | {"warnings": ("Unconsumed cmdline flags: --num_run=3",)},
    "conflicting_flags": USUAL,
    "profile": USUAL,
    "profile_pasted": USUAL,
    "profile_subgraphs": USUAL,
    "profile_delegate": USUAL,
    "profile_nothing": USUAL,
    "profile_csv": USUAL,
    "profile_csv_on_stdout": USUAL,
    "litert": {
        "init_us": 12400,
        "first_us": 1910,
        "warmup": 5,
        "count": 20,
        "average": 1530,
        "median": 1510,
        "p95": 1700,
    },
}
ERRORS = {
    "error_flag_value": "failed with exit status 1: it refuses '--num_runs=many'.",
    "error_help": "it printed its help and measured nothing",
    "error_no_model": "it was given no model with --graph",
    "error_missing_model": "it cannot open the model 'small.tflite'",
    "error_damaged_model": "the model is damaged, or is no TFLite model",
    "error_no_operator": "it has no operator LceBconv2d: use Larq Compute Engine's lce_benchmark_model",
    "error_full_delegation": "the delegate does not take the whole model",
    "error_other": "failed with exit status 1: Input tensor 0 is of an unsupported type.",
    "error_silent": "failed with exit status 3: it gave no reason.",
    "error_last_line": "failed with exit status 1: Sorry: unknown platform.",
    "error_other_system": "it was linked for another system",
    "error_other_processor": "it was built for another processor",
    "error_noexec": "the device does not allow to run it there: name another folder with --device-folder",
    "error_library": "the device has no library libatomic.so.1",
    "error_old_libraries": "the device's libraries are older than GLIBC_2.34",
    "error_android_link": "the device cannot link it",
    "error_no_taskset": "the device has no taskset: leave --cpus out",
    "error_mask": "the device has no processors of the mask that --cpus gives",
}
CRASHES = {
    "crash_silent": "exit status 139: a segmentation fault; its last words were 'INFO: EXTERNAL delegate created.' and "
    "nothing on standard error; the delegate is missing on the device",
    "crash_in_delegate": "exit status 139: a segmentation fault; its last words were 'INFO: Running benchmark",
    "crash_python_status": "exit status -11: a segmentation fault",
    "crash_abort": "exit status 134: it gave up with abort()",
    "crash_killed": "exit status 137: it was killed, as happens when memory runs out",
    "crash_instruction": "exit status 132: an instruction that this processor does not have; it printed nothing.",
    "crash_other": "exit status 141: signal SIGPIPE",
}
NONSENSE = {
    "bad_no_timings": "the tool printed no line 'Inference timings'; its last line was 'INFO: #threads used",
    "bad_no_statistics": "the tool printed 0 lines of statistics, and two were expected",
    "bad_statistic": "this is no line of statistics: 'count=20 first=what",
    "bad_row": "this row of the profile does not fit its header: 'LceBconv2d",
    "bad_header": "the profile has no column 'times called'",
    "bad_litert": "the summary has no line 'Model initialization' or 'Inference",
}


def transcript(name):
    """The arguments of `parse_output`."""
    text = (FOLDER / f"{name}.txt").read_bytes().decode()
    head, *parts = re.split(r"^--- (\w+)\r?\n", text, flags=re.MULTILINE)
    content = dict(zip(parts[::2], parts[1::2], strict=True))
    status = int(re.search(r"status: (-?\d+)", head)[1])
    return {"stdout": content["stdout"], "stderr": content.get("stderr", ""), "csv": content.get("csv", "")} | {
        "status": status
    }


def test_each_transcript_is_expected_to_give_something():
    assert sorted([*FIGURES, *ERRORS, *CRASHES, *NONSENSE]) == NAMES


@pytest.mark.parametrize("name", FIGURES)
def test_figures(name):
    output = parse_output(**transcript(name))
    found = {
        **vars(output.runs),
        "init_us": output.init_us,
        "first_us": output.first_us,
        "warmup": output.warmup.count,
        "memory": output.memory_overall_mb,
        "peak": output.memory_peak_mb,
        "warnings": output.warnings,
    }
    assert {key: found[key] for key in FIGURES[name]} == FIGURES[name]


def test_what_is_not_printed_is_none():
    output = parse_output(**transcript("litert"))
    assert (output.memory_overall_mb, output.model_mb, output.profile, output.runs.last) == (None, None, None, None)
    assert parse_output(**transcript("plain")).runs.median is None


def test_a_warning_is_told_once():
    (warning,) = parse_output(**transcript("conflicting_flags")).warnings
    assert warning.startswith("'use_reference_bconv' and")


@pytest.mark.parametrize("name", ERRORS)
def test_failures_are_named(name):
    with pytest.raises(ToolError, match=re.escape(ERRORS[name])) as caught:
        parse_output(**transcript(name))
    assert not isinstance(caught.value, ToolCrashError)
    assert caught.value.status == transcript(name)["status"]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", CRASHES)
def test_crashes_are_named(name):
    with pytest.raises(ToolCrashError, match=re.escape(CRASHES[name])) as caught:
        parse_output(**transcript(name))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", NONSENSE)
def test_output_without_sense_is_refused(name):
    with pytest.raises(OutputError, match=re.escape(NONSENSE[name])):
        parse_output(**transcript(name))


@pytest.mark.parametrize("name", ["profile", "profile_pasted", "profile_csv", "profile_csv_on_stdout"])
def test_a_profile_is_the_same_in_every_form(name):
    output = parse_output(**transcript(name))
    assert [row.node_type for row in output.initialization.rows] == ["ModifyGraphWithDelegate", "AllocateTensors"]
    profile = output.profile
    assert len(profile.rows) == 9
    # 0.3 + 0.03 + 0.45 + 3 * 0.1 + 0.06 + 2 * 0.045 + 0.12 + 0.135 + 0.015: averages are of one call
    assert profile.total_ms == pytest.approx(1.5)
    assert sum(row.percent for row in profile.rows) == pytest.approx(100)
    assert profile.by_kind() == pytest.approx(
        {"binary": 0.48, "element-wise": 0.45, "float convolutions": 0.435, "other": 0.135}
    )
    assert next(iter(profile.by_type().items())) == ("LceBconv2d", pytest.approx(0.45))
    add = next(row for row in profile.rows if row.node_type == "Add (ND, F32)")
    assert (add.name, add.calls, add.first_ms) == ("Delegate/Add (ND, F32):0", 3, 0.11)


def test_parts_of_the_main_graph_are_not_counted_twice():
    assert parse_output(**transcript("profile_subgraphs")).profile.by_type() == {"WHILE": 0.9, "LceBconv2d": 0.6}


def test_the_native_delegate_is_binary():
    assert parse_output(**transcript("profile_delegate")).profile.by_kind() == {
        "binary": 0.5,
        "element-wise": 0.1,
        "float convolutions": 0.4,
        "other": 0,
    }


def test_percentages_of_nothing():
    (row,) = parse_output(**transcript("profile_nothing")).profile.rows
    assert row.total_ms == 0
    assert row.percent != row.percent


def test_text_without_tables_has_no_profiles():
    assert parse_profiles("INFO: STARTING!") == (None, None)


def test_statistics_need_a_count():
    with pytest.raises(OutputError, match="this is no line of statistics: 'avg=3'"):
        parse_statistic("avg=3")


@pytest.mark.parametrize(
    ("kind", "types"),
    [
        ("binary", ["LceQuantize", "LceDequantize", "LceBMaxPool2d", "LarqElDelegate"]),
        ("float convolutions", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "Deconvolution (NHWC)"]),
        ("element-wise", ["MUL", "Multiply (ND, F32)", "CONCATENATION", "PRELU", "HARD_SWISH", "Maximum (ND, F32)"]),
        ("other", ["Convert (NC, F16, F32)", "SOFTMAX", "RESHAPE", "TfLiteXNNPackDelegate", "Transpose (ND, X32)"]),
    ],
)  # fmt: skip
def test_kinds_of_operators(kind, types):
    assert {name: kind_of(name) for name in types} == dict.fromkeys(types, kind)
