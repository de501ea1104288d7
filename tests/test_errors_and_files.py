"""Messages that name the remedy, and files that are never half written."""

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from larq_el.errors import UserError, closest
from larq_el.files import check_output, leftovers, replacing, write_atomically, write_output


def test_a_user_error_is_a_value_error():
    assert issubclass(UserError, ValueError)


def test_closest_names_the_nearest_first():
    assert closest("resnet62", ["mobilenet", "resnet26"]) == "did you mean 'resnet26'?"


def test_closest_names_three_at_most():
    known = ["resnet18", "resnet26", "resnet34", "resnet50"]
    assert closest("resnet", known).count(" or ") == 2


def test_closest_lists_all_in_order_where_none_is_near():
    assert closest("x", iter(["b", "a"])) == "known are 'a', 'b'"


def test_a_new_file_holds_the_data_alone(tmp_path):
    write_atomically(tmp_path / "file", b"\x00new")
    assert (tmp_path / "file").read_bytes() == b"\x00new"
    assert os.listdir(tmp_path) == ["file"]


def test_an_old_file_is_replaced(tmp_path):
    (tmp_path / "file").write_bytes(b"old and longer")
    write_atomically(str(tmp_path / "file"), b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize("step", ["replace", "chmod", "fdopen"])
def test_the_old_file_survives_a_failure_in_the_middle(tmp_path, monkeypatch, step):
    (tmp_path / "file").write_bytes(b"old")

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(f"larq_el.files.os.{step}", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_an_interruption_leaves_no_temporary_file(tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("larq_el.files.os.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", b"new")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("umask", "permissions"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_file_is_as_readable_as_any_other_new_file(tmp_path, umask, permissions):
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "file", b"")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == permissions


def test_a_new_path_in_an_existing_folder_is_returned(tmp_path):
    assert check_output(str(tmp_path / "new")) == Path(tmp_path / "new")


def test_a_file_without_a_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match="there is no folder '.*nowhere'"):
        check_output(tmp_path / "nowhere" / "file")


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_is_refused(tmp_path, overwrite):
    with pytest.raises(UserError, match="cannot write '.*': it is a folder"):
        check_output(tmp_path, overwrite=overwrite)


def test_an_existing_file_is_refused_with_the_option_that_replaces_it(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="'.*file' exists; give --overwrite"):
        check_output(tmp_path / "file")
    assert check_output(tmp_path / "file", overwrite=True) == tmp_path / "file"


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["file", "link", "folder/../file"])
def test_what_a_command_reads_is_not_replaced(tmp_path, overwrite, name):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "file")
    reads = (None, "digits", str(tmp_path / "folder"), str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"cannot write '.*': this command reads it \('.*file'\); give another name"):
        check_output(tmp_path / name, overwrite=overwrite, reads=reads)
    assert check_output(tmp_path / "new", reads=(*reads, tmp_path / "new")) == tmp_path / "new"


def test_a_folder_that_may_not_be_written_is_told_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr("larq_el.files.os.access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(UserError, match=r"cannot write '.*file': folder '.*' is read-only; give another one"):
        check_output(tmp_path / "file")


def test_a_full_disk_is_a_sentence(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("larq_el.files.os.replace", full)
    with pytest.raises(UserError, match=r"cannot write '.*file': .*No space left on device; give another folder"):
        write_output(tmp_path / "file", b"new")
    assert os.listdir(tmp_path) == []


def test_a_link_is_replaced_and_its_target_kept(tmp_path):
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "target").read_bytes() == b"old"
    assert not (tmp_path / "link").is_symlink()


WRITER = """
import os, signal, sys
from larq_el.files import replacing
with replacing(sys.argv[1]) as partial:
    partial.write_bytes(b"half of")
    print(partial, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def writer(tmp_path):
    """A process in the middle of writing tmp_path / "file.bin"."""
    command = [sys.executable, "-c", WRITER, str(tmp_path / "file.bin")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.partial = Path(process.stdout.readline().strip())
        yield process
        process.stdin.close()


def test_what_a_killed_writer_left_goes_with_the_next_write_of_that_name(tmp_path, writer):
    for other in (".other.bin.partial-12345678.bin", ".file.bin.backup01", ".file.bin.partial-mine.bin"):
        (tmp_path / other).touch()
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert leftovers(tmp_path / "file.bin") == [writer.partial]
    write_atomically(tmp_path / "other", b"")
    assert writer.partial.exists()
    write_atomically(tmp_path / "file.bin", b"whole")
    assert not writer.partial.exists()
    assert len(os.listdir(tmp_path)) == 5


def test_the_file_of_a_living_writer_stays(tmp_path, writer):
    write_atomically(tmp_path / "file.bin", b"ours")
    assert writer.partial.read_bytes() == b"half of"
    assert (tmp_path / "file.bin").read_bytes() == b"ours"
    writer.stdin.close()
    writer.wait()
    assert (tmp_path / "file.bin").read_bytes() == b"half of"
    assert os.listdir(tmp_path) == ["file.bin"]


def test_links_are_replaced_and_not_written_through(tmp_path):
    (tmp_path / "precious").write_bytes(b"precious")
    for name in ("file.bin", ".file.bin.partial-abcdefgh.bin"):
        (tmp_path / name).symlink_to(tmp_path / "precious")
    with replacing(tmp_path / "file.bin") as partial:
        assert partial.suffix == ".bin"
        partial.write_bytes(b"new")
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert not (tmp_path / "file.bin").is_symlink()
    assert (tmp_path / ".file.bin.partial-abcdefgh.bin").is_symlink()


def test_a_file_system_without_locks_is_written_to(tmp_path, monkeypatch):
    def none(*args):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("larq_el.files.fcntl.flock", none)
    write_atomically(tmp_path / "file", b"new")
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("name", ["*", "[ab]*", "report.json"])
def test_files_of_a_user_that_look_like_leftovers_stay(tmp_path, name):
    kept = [".report.json.backup", ".a.partial-12345678", f".{name}.old", f".{name}.partial-12345678.mine"]
    for other in kept:
        (tmp_path / other).write_bytes(b"precious")
        os.utime(tmp_path / other, (0, 0))
    os.mkfifo(tmp_path / f".{name}.partial-abcdefgh{Path(name).suffix}")
    write_atomically(tmp_path / name, b"new")
    assert {other: (tmp_path / other).read_bytes() for other in kept} == dict.fromkeys(kept, b"precious")


def test_a_name_that_no_file_can_have_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match="cannot write '.*n': File name too long; give another name"):
        check_output(tmp_path / ("n" * 300))
