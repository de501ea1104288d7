"""Folders of trainings that are damaged, full, read-only, killed in the middle, or in use."""

import errno
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from larq_el import zoo
from larq_el._keras import keras
from larq_el.cli.exit import run as command
from larq_el.data.load import load_dataset
from larq_el.errors import UserError
from larq_el.training import train
from larq_el.training.run import Run, check_folder
from larq_el.training.stage_folder import StageFolder, writing
from larq_el.zoo.recipes import Recipe, Stage


def trained(folder, epochs=1, resume=False, model=None):
    """A short training of a tiny network."""
    from dataclasses import replace

    digits = load_dataset("digits")
    few = replace(digits, train=digits.train.take(64), test=digits.test.take(32), train_size=64, test_size=32)
    model = model or zoo.ELResNet18(input_shape=(32, 32, 3), classes=10, width=0.0625)
    return train(model, few, Recipe("short", (Stage(epochs=epochs, batch_size=32),)), folder, resume=resume, verbose=0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training of three epochs, with the checkpoints of the last two."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    trained(folder, epochs=3)
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    import shutil

    shutil.copytree(whole, tmp_path / "run")
    for part in (".", "train"):
        (tmp_path / "run" / part / "model.keras").unlink()
    return tmp_path / "run"


def stage_of(tmp_path):
    (tmp_path / "train").mkdir(parents=True, exist_ok=True)
    return StageFolder(tmp_path / "train")


def checkpoints(folder):
    return sorted(path.name for path in (folder / "train" / "checkpoints").glob("ckpt-*.index"))


def test_the_last_two_checkpoints_are_kept(whole):
    assert checkpoints(whole) == ["ckpt-4.index", "ckpt-6.index"]
    assert not list(whole.glob(".*.keras.*"))


@pytest.mark.parametrize("damage", [b"", b"damaged"])
@pytest.mark.parametrize("part", ["index", "data-00000-of-00001"])
def test_the_checkpoint_before_a_damaged_one_is_used_and_said(folder, damage, part):
    (folder / "train" / "checkpoints" / f"ckpt-6.{part}").write_bytes(damage)
    with pytest.warns(UserWarning, match=r"checkpoint '.*ckpt-6' is damaged .*; continues from '.*ckpt-4'"):
        result = trained(folder, epochs=3, resume=True)
    assert [row["epoch"] for row in result.metrics] == [1, 2, 3]
    assert checkpoints(folder) == ["ckpt-4.index", "ckpt-6.index"]


def test_without_a_whole_checkpoint_nothing_is_begun_again(folder):
    for index in (folder / "train" / "checkpoints").glob("*.index"):
        index.write_bytes(b"damaged")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(
            UserError, match="no checkpoint in '.*train' can be read; start the training again in anoth"
        ):
            trained(folder, epochs=3, resume=True)
    said = [str(one.message) for one in caught if "is damaged" in str(one.message)]
    assert ["there is no other" in message for message in said] == [False, True]


@pytest.mark.parametrize("size", [None, 0, 100, 4096, -1])
def test_killed_while_the_first_checkpoint_is_written(folder, size):
    """Its index is written last: it is not there yet, or lacks its end. The stage begins again."""
    place = folder / "train" / "checkpoints"
    for path in (place / "checkpoint", *place.glob("ckpt-6.*")):
        path.unlink()
    index = place / "ckpt-4.index"
    index.write_bytes(index.read_bytes()[:size]) if size is not None else index.unlink()
    rows = json.loads((folder / "train" / "metrics.json").read_text())
    (folder / "train" / "metrics.json").write_text(json.dumps(rows[:1]))
    model = keras.models.load_model(folder / "networks" / "student.keras", compile=False)
    assert trained(folder, epochs=3, resume=True, model=model).metrics == rows
    assert checkpoints(folder) == ["ckpt-4.index", "ckpt-6.index"]


def test_a_first_checkpoint_that_was_finished_is_not_begun_again(folder):
    """TensorFlow's list names it, or its index is whole and its data are not: that is damage, and said."""
    place = folder / "train" / "checkpoints"
    for path in place.glob("ckpt-6.*"):
        path.unlink()
    (folder / "train" / "metrics.json").write_text("[]")
    (place / "ckpt-4.data-00000-of-00001").write_bytes(b"damaged")
    for _ in range(2):
        with (
            pytest.warns(UserWarning, match="ckpt-4' is damaged .*; there is no other"),
            pytest.raises(UserError, match="no checkpoint in '.*train' can be read"),
        ):
            trained(folder, epochs=3, resume=True)
        (place / "checkpoint").unlink(missing_ok=True)


@pytest.mark.parametrize("content", [b"", b"damaged", None])
def test_tensorflows_own_list_of_checkpoints_is_not_needed(folder, content):
    path = folder / "train" / "checkpoints" / "checkpoint"
    path.unlink() if content is None else path.write_bytes(content)
    (folder / "train" / "checkpoints" / "ckpt-4_temp").mkdir()
    (folder / "train" / "checkpoints" / "ckpt-4_temp.data").write_bytes(b"half")
    assert [row["epoch"] for row in trained(folder, epochs=3, resume=True).metrics] == [1, 2, 3]
    assert not (folder / "train" / "checkpoints" / "ckpt-4_temp.data").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"{}", None])
def test_lost_metrics_are_said_and_the_training_goes_on(folder, content):
    path = folder / "train" / "metrics.json"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.warns(UserWarning, match=r"cannot be read .*: the metrics of the first 3 epochs are lost"):
        assert trained(folder, epochs=3, resume=True).metrics == []


@pytest.mark.parametrize("content", [b"", b"{", b"[1]"])
def test_damaged_settings_are_a_sentence(folder, content):
    (folder / "settings.json").write_bytes(content)
    with pytest.raises(UserError, match=r"settings.json' is damaged .*; put it back, or start the training again"):
        trained(folder, epochs=3, resume=True)


def test_a_folder_in_use_is_left_alone(tmp_path):
    first = Run(tmp_path / "run", {}, resume=False)
    for resume in (True, False):
        with pytest.raises(UserError, match="is using '.*run'; wait for it|exists and is not empty"):
            Run(tmp_path / "run", {}, resume=resume)
    with pytest.raises(UserError, match="another training is using '.*run'; wait for it, or name another folder"):
        Run(tmp_path / "run", {}, resume=True)
    first.close()
    Run(tmp_path / "run", {}, resume=True).close()


def test_a_killed_training_leaves_its_folder_to_the_next(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from larq_el.training.run import Run; "
        f"run = Run(Path({str(tmp_path / 'run')!r}), {{}}, resume=False); print('in', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"in\n"
    with pytest.raises(UserError, match="another training is using"):
        Run(tmp_path / "run", {}, resume=True)
    process.kill()
    process.wait()
    process.stdout.close()
    Run(tmp_path / "run", {}, resume=True).close()


def test_a_full_disk_is_a_sentence(tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("larq_el.training.stage_folder.write_atomically", full)
    with pytest.raises(UserError, match=r"cannot write the metrics of the training .*No space left.*; make room"):
        stage_of(tmp_path).write_metrics([], [])


def test_what_tensorflow_says_of_a_full_disk_is_a_sentence(tmp_path):
    from larq_el._keras import tf

    with (
        pytest.raises(UserError, match="cannot write a checkpoint of the training into '.*run' .*no space"),
        writing(tmp_path / "run", "a checkpoint"),
    ):
        raise tf.errors.ResourceExhaustedError(None, None, "no space")
    with pytest.raises(KeyError), writing(tmp_path / "run", "a checkpoint"):
        raise KeyError("a defect of ours stays one")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write_is_a_sentence(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(UserError, match="cannot write the folder of the training into '.*run' .*Permission denied"):
        Run(tmp_path / "closed" / "run", {}, resume=False)


def test_a_folder_that_cannot_be_made_is_a_sentence():
    with pytest.raises(UserError, match="cannot write the folder of the training into '/proc/none/run'"):
        Run(Path("/proc/none/run"), {}, resume=False)


def test_a_model_is_not_written_through_a_link(folder, tmp_path):
    (tmp_path / "precious").write_bytes(b"precious")
    (folder / "model.keras").symlink_to(tmp_path / "precious")
    (folder / "partial-model.keras").symlink_to(tmp_path / "precious")
    trained(folder, epochs=3, resume=True)
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert (folder / "model.keras").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["el_resnet26", "--output", "{tmp}/file"], "is a file; name a folder for the training"),
        (["el_resnet26", "--output", "{tmp}/used"], "exists and is not empty"),
        (["--resume", "{tmp}/none"], "there is no training to resume"),
    ],
)
def test_mistakes_are_told_before_tensorflow_is_loaded(args, message, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_bytes(b"")
    given = [arg.format(tmp=tmp_path) for arg in args]
    code = (
        "import sys; from larq_el.cli.app import group; from larq_el.cli.exit import run; "
        f"status = run(group, ['train', *{given!r}]); "
        "assert 'tensorflow' not in sys.modules; sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_command_prints_what_was_lost(folder, capsys, monkeypatch):
    (folder / "train" / "metrics.json").write_bytes(b"{")

    def resumed():
        trained(folder, epochs=3, resume=True)

    import click

    with warnings.catch_warnings():
        warnings.simplefilter("default")  # as outside of tests, where they are errors
        assert command(click.Command("resume", callback=resumed), []) == 0
    error = capsys.readouterr().err
    assert "Warning: " in error
    assert "the metrics of the first 3 epochs are lost" in error


def test_checkpoints_that_are_gone_do_not_begin_the_training_again(folder):
    metrics = (folder / "train" / "metrics.json").read_bytes()
    for path in (folder / "train" / "checkpoints").iterdir():
        path.unlink()
    with pytest.raises(
        UserError, match="the training in '.*train' has lost its checkpoints; put them back, or start the"
    ):
        trained(folder, epochs=3, resume=True)
    assert (folder / "train" / "metrics.json").read_bytes() == metrics
    (folder / "train" / "metrics.json").unlink()
    (folder / "train" / "checkpoints" / "checkpoint").touch()
    with pytest.raises(UserError, match="has lost its checkpoints"):
        trained(folder, epochs=3, resume=True)


def test_a_checkpoint_without_its_index_is_damaged_and_not_forgotten(folder):
    (folder / "train" / "checkpoints" / "ckpt-6.index").unlink()
    with pytest.warns(UserWarning, match=r"checkpoint '.*ckpt-6' is damaged .*; continues from '.*ckpt-4'"):
        trained(folder, epochs=3, resume=True)


def test_an_epoch_that_was_interrupted_before_its_checkpoint_is_begun_again(tmp_path):
    stage = stage_of(tmp_path)
    stage.check_begun()
    stage.write_metrics([{"epoch": 1, "loss": 2.0}], [])
    stage.check_begun()
    stage.write_metrics([{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}], [])
    with pytest.raises(UserError, match="has lost its checkpoints"):
        stage.check_begun()


@pytest.mark.parametrize("content", ['[{"epoch": "1"}]', '[{"epoch": null}]', "[1]", "[" * 100_000])
def test_metrics_of_any_content_are_no_traceback(tmp_path, content):
    stage = stage_of(tmp_path)
    (stage.folder / "metrics.json").write_text(content)
    with pytest.warns(UserWarning, match="the metrics of the first 2 epochs are lost"):
        assert stage.read_metrics(2) == []


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"[" * 100_000])
def test_damaged_settings_are_told_before_anything_is_loaded(tmp_path, content):
    Run(tmp_path / "run", {}, resume=False).close()
    (tmp_path / "run" / "settings.json").write_bytes(content)
    with pytest.raises(UserError, match="settings.json' is damaged .*; put it back"):
        check_folder(tmp_path / "run", resume=True)


def test_unfinished_checkpoints_go_and_nothing_else(tmp_path):
    stage = stage_of(tmp_path)
    checkpoints = stage.folder / "checkpoints"
    part = checkpoints / "ckpt-3_temp" / "part-00000-of-00001.data-00000-of-00001.tempstate123"
    part.parent.mkdir(parents=True)
    gone = [f"checkpoint.tmp{'0f' * 16}", "ckpt-3.data-00000-of-00001.tempstate99"]
    kept = ["checkpoint", "ckpt-2.index", "ckpt-best_temp", "my_temperatures.csv"]
    for path in (part, *(checkpoints / name for name in gone + kept)):
        path.touch()
    (tmp_path / "precious").mkdir()
    (checkpoints / "ckpt-4_temp").symlink_to(tmp_path / "precious")
    stage.begin()
    assert sorted(os.listdir(checkpoints)) == sorted([*kept, "ckpt-4_temp"])
    assert (tmp_path / "precious").is_dir()


def test_a_lock_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "run" / ".lock").symlink_to(tmp_path / "precious")
    with pytest.raises(UserError, match="cannot use folder '.*run': Too many levels of symbolic links; name another"):
        Run(tmp_path / "run", {}, resume=False)
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_a_file_system_without_locks_is_a_sentence(tmp_path, monkeypatch):
    def none(*args):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("larq_el.training.run.fcntl.flock", none)
    with pytest.raises(UserError, match="cannot write the folder of the training into '.*run' .*No locks available"):
        Run(tmp_path / "run", {}, resume=False)


def test_folders_that_cannot_be_are_told_before_anything_is_loaded(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="'.*run' cannot be made: '.*file' is a file; name a folder"):
        check_folder(tmp_path / "file" / "run", resume=False)
    with pytest.raises(UserError, match="cannot use folder 'n+': File name too long; name another one"):
        check_folder(Path("n" * 300), resume=False)
    monkeypatch.setattr("larq_el.training.run.os.access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(UserError, match="cannot train in '.*run': folder '.*' is read-only; name another one"):
        check_folder(tmp_path / "run", resume=False)
    assert sorted(os.listdir(tmp_path)) == ["file"]


def test_a_folder_in_use_is_told_before_anything_is_loaded(tmp_path):
    run = Run(tmp_path / "run", {}, resume=False)
    with pytest.raises(UserError, match="another training is using '.*run'"):
        check_folder(tmp_path / "run", resume=True)
    run.close()
    check_folder(tmp_path / "run", resume=True)


def test_a_start_that_was_killed_is_no_obstacle(tmp_path):
    for name in (".lock", ".settings.json.partial-12345678.json"):
        (tmp_path / name).touch()
    Run(tmp_path, {}, resume=False).close()
    assert sorted(os.listdir(tmp_path)) == [".lock", "settings.json"]


def test_a_finished_training_without_metrics_ends_well(tmp_path, capsys):
    from larq_el.cli.app import group

    args = ["train", "el_resnet18", "--width", "0.0625", "--epochs", "1", "--output", str(tmp_path / "run")]
    assert command(group, args) == 0
    (tmp_path / "run" / "train" / "metrics.json").unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert command(group, ["train", "--resume", str(tmp_path / "run")]) == 0
    assert "model.keras: trained; larq-el evaluate measures its accuracy." in capsys.readouterr().out
