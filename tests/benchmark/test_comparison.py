"""Several models and devices side by side: the command, its table, its files and its picture."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from larq_el.benchmark.comparison import compare
from larq_el.benchmark.devices.device_info import Conditions, DeviceInfo
from larq_el.benchmark.result import Result, Settings
from larq_el.benchmark.tables import notes, parts, plot, read_accuracy, runs_of, to_csv
from larq_el.cli.app import group
from larq_el.cli.exit import run
from larq_el.errors import UserError
from larq_el.pictures import check_picture

TRANSCRIPTS = Path(__file__).parent / "transcripts"
INFO = DeviceInfo("Pi", "Debian", "Linux 6", "aarch64", "Cortex-A72", 4)
COLD, HOT = Conditions(("ondemand",), 1500.0, 40.0, False), Conditions(("ondemand",), 600.0, 75.0, True)
TOOL = Result(
    Path("el.tflite"), 2_000_000, "adb", "lce_benchmark_model", 20, INFO, COLD, HOT, mean_ms=4.0, std_ms=0.5,
    min_ms=3.5, max_ms=6.0, memory_mb=7.0,
    split={"binary": 2.0, "element-wise": 0.5, "float convolutions": 1.0, "other": 0.5},
    warnings=("Unconsumed cmdline flags: --x",),
)  # fmt: skip
OWN = replace(TOOL, target="local", runtime="stock", median_ms=2.0, low_ms=1.9, high_ms=2.1, split=None, memory_mb=None)
CALM = replace(OWN, before=Conditions(), after=Conditions(), warnings=())


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    from larq_el._keras import keras
    from larq_el.convert import convert

    folder = tmp_path_factory.mktemp("files")
    image = keras.Input((8, 8, 3))
    convert(keras.Model(image, keras.layers.Conv2D(4, 3)(image))).save(folder / "a.tflite")
    (folder / "b.tflite").write_bytes((folder / "a.tflite").read_bytes())
    return [str(folder / "a.tflite"), str(folder / "b.tflite")]


@pytest.fixture
def tool(tmp_path):
    """A tool that prints a profile where it is asked for one, and percentiles otherwise."""
    texts = [(TRANSCRIPTS / f"{name}.txt").read_text().split("--- stdout\n")[1] for name in ("profile", "median")]
    path = tmp_path / "lce_benchmark_model"
    cases = "#!/bin/sh\ncase $* in\n*enable_op_profiling*) cat <<'END'\n{}\nEND\n;; *) cat <<'END'\n{}\nEND\n;; esac\n"
    path.write_text(cases.format(*(text.split("--- stderr")[0] for text in texts)))
    return str(path)


def test_a_table_of_two_files_on_two_devices(files, tool, tmp_path, capsys):
    accuracy = tmp_path / "accuracy.json"
    accuracy.write_text(json.dumps({"a.tflite": 0.625}))
    names = [str(tmp_path / name) for name in ("table.csv", "picture.png")]
    arguments = ["--on", "local", "--on", "local", "--tool", tool, "--accuracy", str(accuracy)]
    assert run(group, ["benchmark", *files, *arguments, "--csv", names[0], "--plot", names[1]]) == 0
    printed = capsys.readouterr().out
    assert printed.count("1.509 median") == 4
    assert "62.5%" in printed
    assert "local: " in printed
    with open(names[0], newline="") as file:
        table = list(csv.DictReader(file))
    assert [(row["median_ms"], row["split.binary"], row["accuracy"]) for row in table[:2]] == [
        ("1.509", table[0]["split.binary"], "0.625"),
        ("1.509", table[0]["split.binary"], ""),
    ]
    assert Path(names[1]).read_bytes().startswith(b"\x89PNG")


def test_json_holds_everything(files, tool, capsys):
    assert run(group, ["benchmark", files[0], "--on", "local", "--tool", tool, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (result,) = document["results"]
    assert (result["median_ms"], result["init_ms"], result["first_ms"], result["runs"]) == (1.509, 2.148, 1.912, 20)
    assert result["operators"]["LceBconv2d"] == pytest.approx(0.45)
    assert {"governors", "mhz", "celsius", "throttled"} == set(result["before"]) == set(result["after"])
    assert result["device"]["os"]
    assert document["failures"] == []
    assert (document["version"], document["runs"], document["warmup"], document["threads"]) == (1, 50, 5, 1)


def test_without_a_profile_there_is_one_call(files, tool):
    (result,), _ = compare(files[:1], ["local"], Settings(tool=Path(tool), profile=False))
    assert result.split is None


def test_this_machine_without_a_tool_measures_in_process(files, capsys):
    assert run(group, ["benchmark", files[0], "--on", "local", "--runs", "3", "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert (result["runtime"], result["runs"], result["target"]) == ("stock", 3, "local")
    assert result["min_ms"] <= result["low_ms"] <= result["median_ms"] <= result["high_ms"] <= result["max_ms"]


def test_what_succeeded_is_printed_before_what_failed(files, tmp_path, capsys):
    text = (TRANSCRIPTS / "plain.txt").read_text().split("--- stdout\n")[1].split("--- stderr")[0]
    second_fails = f"echo >> {tmp_path}/calls\n[ $(wc -l < {tmp_path}/calls) -gt 1 ] && exit 5\n"
    (tmp_path / "tool").write_text(f"#!/bin/sh\n{second_fails}cat <<'END'\n{text}\nEND\n")
    arguments = ["benchmark", *files, "--on", "local", "--tool", str(tmp_path / "tool"), "--no-profile"]
    assert run(group, arguments) == 2
    captured = capsys.readouterr()
    assert "1.525 mean" in captured.out
    assert f"Error: {files[1]} on local: the tool failed with exit status 5" in captured.err
    assert captured.err.count("\n") == 1


def test_several_failures_are_one_line(files, tmp_path, capsys):
    (tmp_path / "tool").write_text("#!/bin/sh\nexit 5\n")
    assert run(group, ["benchmark", *files, "--on", "local", "--tool", str(tmp_path / "tool")]) == 2
    error = capsys.readouterr().err
    assert "(1 more failed: " in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--on", "phone"], "'phone' is no target"),
        (["--on", "local", "--runs", "0"], "runs must be at least 1, got 0"),
        (["--on", "local", "--threads", "0"], "threads must be at least 1, got 0"),
        (["--on", "adb", "--threads", "257"], "threads must be at most 256, got 257"),
        (["--on", "local", "--warmup", "-1"], "warmup must not be negative, got -1"),
        (["--on", "adb", "--wheel", "w", "--tool", "t"], "--tool and --wheel are two ways to measure"),
        (["--on", "adb", "--wheel", "w"], "--wheel needs a Python on the device, which Android has not"),
        (["--on", "adb", "--cpus", "0-3"], "--cpus is a hexadecimal mask such as f0, got '0-3'"),
        (["--cpus", "1"], "--cpus without --tool has no effect on this machine; run larq-el itself under taskset"),
        (["--delegate", "x.so"], "--delegate has no effect without a benchmark tool; name one with --tool"),
        (["--wheel", "w", "--tool-arg", "x"], "--tool-arg has no effect without a benchmark tool; leave out --wheel"),
        (["--on", "adb", "--runtime", "lce"], "--runtime has no effect on devices; it names what this machine runs in"),
        (["--plot", "x.bmp"], "pictures are .png, .svg, .pdf files, got 'x.bmp'"),
        (["--csv", "/none/x.csv"], "cannot write '/none/x.csv'"),
        (["--accuracy", "/none.json"], "there is no file '/none.json', which --accuracy names"),
    ],
)
def test_mistakes_exit_with_2(files, arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(group, ["benchmark", files[0], *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_damaged_model_costs_no_devices_time(tmp_path):
    (tmp_path / "x.tflite").write_bytes(b"no model")
    with pytest.raises(UserError, match="is not a TFLite model"):
        compare([tmp_path / "x.tflite"], ["ssh://nobody.invalid"], Settings())


def test_the_documentation_names_options_that_exist():
    from larq_el.cli.benchmark import command

    text = (Path(__file__).parents[2] / "docs" / "devices.md").read_text()
    ours = [line for line in text.splitlines() if "larq-el benchmark" in line]
    named = {
        option
        for line in ours
        for option in re.findall(r"(?<![\w-])--[a-z-]+", line.replace("--tool-arg=--", "--tool-arg "))
    }
    known = {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}
    assert {"--on", "--tool", "--wheel", "--cpus"} <= named <= known


def rows(results):
    """Of the printed table, by column."""
    table = next(iter(parts(results, {}, Settings())))
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_rows_by_hand():
    first, second = rows([TOOL, OWN])
    assert (first["ms"], first["spread"], first["ratio"]) == ("4.000 mean", "±0.500, 3.500 to 6.000", "1.00")
    assert (first["binary"], first["memory MB"], first["device"]) == ("2.00", "7.0", "adb")
    assert (second["ms"], second["spread"], second["ratio"]) == ("2.000 median", "1.900 to 2.100", "0.50")
    assert (second["binary"], second["memory MB"], second["device"]) == ("", "", "local")
    assert rows([OWN])[0]["device"] == ""  # there is no other


def test_the_number_of_runs_is_what_was_timed():
    assert runs_of([TOOL, OWN]) == "20"
    assert runs_of([TOOL, replace(OWN, runs=50), replace(OWN, runs=7)]) == "7 to 50"


def test_a_spread_that_was_not_measured_is_empty():
    assert rows([replace(TOOL, std_ms=None)])[0]["spread"] == ""


def test_notes_tell_the_state_and_what_to_doubt():
    lines = notes([TOOL])
    assert lines[0] == "adb: Pi, Debian, Linux 6 aarch64, Cortex-A72, 4 cores."
    assert "ondemand governor, 1500 MHz, 40.0 °C, afterwards ondemand governor, 600 MHz, 75.0 °C" in lines[1]
    doubts = " ".join(lines[2:])
    for doubt in ("Unconsumed", "set it to performance", "35 degrees warmer", "it is throttled"):
        assert doubt in doubts
    assert len(notes([CALM])) == 1  # nothing is known of its state, and nothing said


def test_csv_has_the_columns_of_all_rows():
    table = list(csv.DictReader(to_csv([OWN, TOOL], {"el.tflite": 0.5}).splitlines()))
    assert [row["split.binary"] for row in table] == ["", "2.0"]
    assert table[0]["device.cpu"] == "Cortex-A72"
    assert table[0]["before.governors"] == "ondemand"
    assert table[0]["accuracy"] == "0.5"


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
@pytest.mark.parametrize("accuracy", [{}, {"el.tflite": 0.6}])
def test_pictures(suffix, start, accuracy):
    assert plot([TOOL, OWN], accuracy, suffix).startswith(start)


def test_a_picture_needs_matplotlib(monkeypatch):
    monkeypatch.setattr("larq_el.pictures.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pictures need matplotlib: install it with `pip install matplotlib`"):
        check_picture(Path("x.png"))


def test_accuracies_as_an_object_and_as_evaluate_prints_them(tmp_path):
    path = tmp_path / "accuracy.json"
    path.write_text(json.dumps([{"model": "runs/el.tflite", "top1": 0.5, "images": 10}, {"b.tflite": 1}]))
    assert read_accuracy(path) == {"el.tflite": 0.5, "b.tflite": 1.0}


@pytest.mark.parametrize("text", ["[1]", '{"a": "x"}', '{"a": 63.2}'])
def test_accuracies_that_are_none(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UserError, match="must hold files and their accuracy from 0 to 1"):
        read_accuracy(tmp_path / "x.json")


def test_accuracies_that_are_no_json(tmp_path):
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(UserError, match="x.json' is no JSON file"):
        read_accuracy(tmp_path / "x.json")
