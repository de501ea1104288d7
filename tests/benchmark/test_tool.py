import struct
import time
from pathlib import Path

import pytest

from larq_el.benchmark.comparison import parse_target
from larq_el.benchmark.devices.interrupts import interrupts_ignored
from larq_el.benchmark.devices.target import DeviceError, LocalTarget
from larq_el.benchmark.devices.workspace import workspace
from larq_el.benchmark.tools.tool import Tool, run_tool, tool_ready
from larq_el.benchmark.tools.wheel import measure
from larq_el.errors import UserError

TRANSCRIPTS = Path(__file__).parent / "transcripts"


@pytest.fixture
def space(tmp_path):
    """A folder on this machine, as on a device."""
    with workspace(LocalTarget(), str(tmp_path)) as made:
        yield made
    assert not list(tmp_path.glob("larq-el.*"))


def elf(path, machine, order="<"):
    path.write_bytes(
        b"\x7fELF\x02" + (b"\x01" if order == "<" else b"\x02") + bytes(12) + struct.pack(f"{order}H", machine)
    )
    return path


def printing(path, name):
    """A tool that prints a transcript."""
    text = (TRANSCRIPTS / f"{name}.txt").read_text().split("--- stdout\n")[1]
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{text}END\n")
    return path


def test_a_tool_is_pushed_and_runs(space, tmp_path):
    tool = tool_ready(space, "x86_64", printing(tmp_path / "tool with a blank", "plain"), None)
    assert tool.name == "tool with a blank"
    assert run_tool(space, tool, "m", runs=1, warmup=0, threads=1).runs.average == 1525.35


def test_a_delegate_is_pushed_and_named(space, tmp_path):
    path = tmp_path / "tool"
    path.write_text('#!/bin/sh\necho "ERROR: $*" >&2; exit 1\n')
    (tmp_path / "it.so").write_bytes(b"library")
    tool = tool_ready(space, "x86_64", path, tmp_path / "it.so")
    with pytest.raises(UserError, match=rf"--external_delegate_path={space.path}/delegate.so"):
        run_tool(space, tool, "m", runs=1, warmup=0, threads=1)


def test_a_tool_of_the_device_is_found(space, tmp_path, monkeypatch):
    (tmp_path / "benchmark_model").write_text("#!/bin/sh\n")
    (tmp_path / "benchmark_model").chmod(0o755)
    monkeypatch.setattr(space.target, "folder", str(tmp_path), raising=False)
    assert tool_ready(space, "x86_64", None, None) == Tool("benchmark_model", f"{tmp_path}/benchmark_model")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (tmp_path / "lce_benchmark_model").write_text("#!/bin/sh\n")
    (tmp_path / "lce_benchmark_model").chmod(0o755)
    assert tool_ready(space, "x86_64", None, None).name == "lce_benchmark_model"


def test_no_tool(space, monkeypatch):
    monkeypatch.setattr(space.target, "folder", "/none", raising=False)
    with pytest.raises(UserError, match="local has no benchmark tool; name a file of this machine with --tool PATH"):
        tool_ready(space, "x86_64", None, None)


@pytest.mark.parametrize(
    ("number", "order", "machine", "fits"),
    [
        (183, "<", "aarch64", True),
        (183, "<", "x86_64", False),
        (62, "<", "aarch64", False),
        (40, "<", "aarch64", True),
        (40, "<", "armv7l", True),
        (183, "<", "armv7l", False),
        (8, ">", "mips", True),
    ],
)
def test_a_tool_for_another_processor_is_refused_before_it_is_pushed(space, tmp_path, number, order, machine, fits):
    tool = elf(tmp_path / "tool", number, order)
    if fits:
        assert tool_ready(space, machine, tool, None).name == "tool"
        return
    with pytest.raises(UserError, match=rf"which --tool names, is for \w+ processors, and local is {machine}"):
        tool_ready(space, machine, tool, None)
    assert not Path(space.file("tool")).exists()


@pytest.mark.parametrize(("option", "place"), [("--tool", 0), ("--delegate", 1)])
def test_files_that_are_not_there(space, tmp_path, option, place):
    files = [None, None]
    files[place] = tmp_path / "none"
    with pytest.raises(UserError, match=f"there is no file '.*none', which {option} names; lce_benchmark_model comes"):
        tool_ready(space, "x86_64", *files)


def test_a_tool_that_cannot_be_made_a_program(space, tmp_path, monkeypatch):
    monkeypatch.setattr(space.target, "push", lambda *_: None, raising=False)
    with pytest.raises(DeviceError, match="cannot make '.*tool' a program on local: .*No such file"):
        tool_ready(space, "", printing(tmp_path / "t", "plain"), None)


def test_a_dry_run_is_no_measurement(space, tmp_path):
    tool = tool_ready(space, "", printing(tmp_path / "tool", "dry_run"), None)
    with pytest.raises(UserError, match="tool timed no runs; leave out arguments such as --dry_run"):
        run_tool(space, tool, "m", runs=1, warmup=0, threads=1)


def test_a_model_that_does_not_run_in_python(space, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\ncat > /dev/null\necho 'larq_el.errors.UserError: no such file.' >&2\nexit 1\n")
    python.chmod(0o755)
    given = {"runs": 1, "warmup": 0, "threads": 1, "cpus": None}
    with pytest.raises(DeviceError, match="does not run in larq_el.runtime on local: no such file.$"):
        measure(space, str(python), "m", **given)
    python.write_text("#!/bin/sh\ncat > /dev/null\n")
    with pytest.raises(DeviceError, match="does not run in larq_el.runtime on local: exit status 0"):
        measure(space, str(python), "m", **given)


@pytest.mark.parametrize(
    ("python", "message"),
    [
        ("echo 'ensurepip is not available' >&2; exit 1", "local cannot make virtual environments: .*python3-venv"),
        ("exit 127", "local has no Python: install it there, or name a benchmark tool with --tool"),
        (
            "echo 'ERROR: No matching distribution.' >&2; exit 1",
            "local cannot install 'venv': No matching distribution",
        ),
    ],
)
def test_machines_that_cannot_install(space, tmp_path, monkeypatch, python, message):
    from larq_el.benchmark.tools.wheel import install

    (tmp_path / "python3").write_text(f"#!/bin/sh\n{python}\n")
    (tmp_path / "python3").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (tmp_path / "larq_el-1-py3-none-any.whl").write_bytes(b"")
    with pytest.raises(DeviceError, match=message):
        install(space, tmp_path / "larq_el-1-py3-none-any.whl")


def test_what_still_runs_when_the_folder_goes_is_ended(tmp_path):
    target = LocalTarget()
    note = tmp_path / "process"
    with (
        workspace(target, str(tmp_path)) as space,
        pytest.raises(DeviceError, match="local gave no answer in 1 seconds"),
    ):
        space.run(f"echo $$ > {note}; sleep 60", timeout=1.0)
    process = Path("/proc") / note.read_text().strip()
    limit = time.monotonic() + 10
    while process.exists() and time.monotonic() < limit:
        time.sleep(0.05)
    assert not process.exists()


def test_a_shell_that_is_killed():
    with pytest.raises(DeviceError, match="local: the shell ended with status -9"):
        LocalTarget().run("kill -9 $$")


def test_output_keeps_its_ends_of_lines():
    done = LocalTarget().run("printf 'a\\nb'; printf 'c\\n\\n' >&2; exit 4")
    assert (done.status, done.stdout, done.stderr) == (4, "a\nb", "c\n\n")


def test_signals_are_left_to_the_main_thread():
    import threading

    def use():
        with interrupts_ignored():
            used.append(True)

    used = []
    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert used == [True]


def test_a_target_that_is_none():
    with pytest.raises(UserError, match="'phone' is no target; write local, adb, adb:SERIAL or ssh://user@host:port"):
        parse_target("phone")
