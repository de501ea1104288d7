"""Messages that name the remedy, and files that are never half written."""

import os
import stat
from pathlib import Path

import pytest

from larq_el.errors import UserError, closest
from larq_el.files import check_output, write_atomically, write_output


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
