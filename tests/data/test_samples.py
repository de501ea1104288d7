"""Samples from files and data sets: how many, of which array, and what is refused."""

import re
import struct
import subprocess
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest

from larq_el import evaluation
from larq_el.data import samples
from larq_el.data.samples import check_labels, load_samples
from larq_el.errors import UserError

IMAGES = np.random.default_rng(0).normal(size=(40, 8, 8, 3)).astype(np.float32)


def test_of_a_file(tmp_path):
    path = tmp_path / "samples.npz"
    np.savez(path, anything=IMAGES, labels=np.arange(40))
    (images,), labels = load_samples(path, ["image"], 30)
    assert np.array_equal(images, IMAGES[:30])
    assert np.array_equal(labels, np.arange(30))
    assert len(load_samples(path, ["image"], None)[0][0]) == 40


def test_of_a_data_set():
    (images,), labels = load_samples("digits", ["image"], 5, image_shape=(None, 8, 8, 3))
    assert images.shape == (5, 8, 8, 3)
    assert len(labels) == 5


def test_a_single_array_is_an_input(tmp_path):
    np.save(tmp_path / "images.npy", IMAGES)
    (images,), labels = load_samples(tmp_path / "images.npy", ["image"], 3)
    assert np.array_equal(images, IMAGES[:3])
    assert labels is None
    np.savez(tmp_path / "named.npz", labels=IMAGES)  # an input that is called so
    assert load_samples(tmp_path / "named.npz", ["labels"], 3)[1] is None


def test_columns_first(tmp_path):
    np.savez(tmp_path / "columns.npz", image=np.asfortranarray(IMAGES))
    assert np.array_equal(load_samples(tmp_path / "columns.npz", ["image"], 7)[0][0], IMAGES[:7])


def test_a_file_that_holds_no_samples_is_refused(tmp_path):
    def refused(name, message, **arrays):
        if arrays:
            np.savez(tmp_path / name, **arrays)
        with pytest.raises(UserError, match=message):
            load_samples(tmp_path / name, ["image"], 1)

    refused("none.npz", "there is no file '.*none.npz'")
    with pytest.raises(UserError, match="the number of samples must be at least 1, got 0"):
        load_samples("digits", ["image"], 0)
    for name, function in (("text.npz", "savez"), ("text.npy", "save")):
        (tmp_path / name).write_text("text")
        refused(name, f"{name}' holds no arrays that can be read .*; write it with numpy.{function}")
    refused("pickled.npz", "array 'image' of '.*pickled.npz' is no array of numbers", image=np.array([{}], object))
    refused("strings.npz", "array 'image' of '.*strings.npz' is no array of numbers", image=np.array(["a"]))
    refused("scalar.npz", "array 'image' of '.*scalar.npz' is no array of numbers, one row", image=np.float32(1))
    refused("two.npz", "two.npz' lacks an array for input 'image', it has 'a', 'b'", a=np.zeros(1), b=np.zeros(1))


def test_an_array_that_was_cut_off_is_refused(tmp_path):
    content = (tmp_path / "whole.npy", np.save(tmp_path / "whole.npy", IMAGES))[0].read_bytes()
    (tmp_path / "half.npy").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="array 'half' of '.*' ends after 15,.* of 30,720 bytes; write it anew"):
        load_samples(tmp_path / "half.npy", ["image"], None)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_without_numbers_are_named(value, tmp_path):
    images = IMAGES.copy()
    images[[3, 5], 1, 1, 1] = value
    np.savez(tmp_path / "some.npz", image=images)
    with pytest.raises(UserError, match="sample 3 of array 'image' in '.*' holds NaN or infinity, as do 2 of 40"):
        load_samples(tmp_path / "some.npz", ["image"], None)
    assert len(load_samples(tmp_path / "some.npz", ["image"], 3)[0][0]) == 3


def test_no_more_is_read_than_asked_for(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "much.npz", image=np.zeros((1000, 1000)))
    monkeypatch.setattr(samples, "MOST_BYTES", 80_000)
    assert load_samples(tmp_path / "much.npz", ["image"], 10)[0][0].shape == (10, 1000)
    with pytest.raises(UserError, match="11 rows of array 'image' in '.*' take 88,000 bytes, of which at most 80,000"):
        load_samples(tmp_path / "much.npz", ["image"], 11)


def test_a_small_file_that_unpacks_to_gigabytes_takes_little_memory(tmp_path):
    """3 GiB of zeros in 3 MB; the process may have 1.5 GB."""
    path = tmp_path / "bomb.npz"
    header = np.lib.format.magic(1, 0)
    text = "{'descr': '<f4', 'fortran_order': False, 'shape': (786432, 1024), }"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)
    with archive, archive.open("image.npy", "w", force_zip64=True) as file:
        file.write(header + len(text).to_bytes(2, "little") + text.encode())
        for _ in range(96):
            file.write(bytes(1 << 25))
    assert path.stat().st_size < 4 << 20
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (3 << 29, 3 << 29)); "
        "from larq_el.data.samples import load_samples; "
        f"print(load_samples({str(path)!r}, ['image'], 100)[0][0].shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "(100, 1024)", done.stderr[-500:]


def test_a_file_needs_no_tensorflow(tmp_path):
    np.savez(tmp_path / "some.npz", image=IMAGES)
    code = (
        f"from larq_el.data.samples import load_samples; load_samples({str(tmp_path / 'some.npz')!r}, ['image'], 1); "
        "import sys; assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_labels_have_to_name_classes():
    check_labels(np.array([0, 9, 5]), 10)
    with pytest.raises(UserError, match=r"label 1 is 10, and the model has the classes 0 to 9 \(2 of 4 labels are"):
        check_labels(np.array([0, 10, -1, 3]), 10)
    with pytest.raises(UserError, match="label 2 is -1"):
        check_labels(np.array([0, 1, -1]), 10)
    with pytest.raises(UserError, match="labels must be integers, got float64"):
        check_labels(np.zeros(3), 10)


def _bomb(path, headers, size):
    """An .npz of arrays with these headers and as many zeros behind each, which take no room on the disk."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, header in headers.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                file.write(header)
                for _ in range(size >> 20):
                    file.write(bytes(1 << 20))
    return path


def _npy_header(shape, length=None):
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", length or len(text)) + text


@pytest.mark.parametrize("shape", ["(-1, 3)", "(4, -3)", "(-2, -3)", "(0, 3)", "(4, 0)"])
def test_a_shape_of_no_sample_is_refused_before_it_is_read(tmp_path, monkeypatch, shape):
    path = _bomb(tmp_path / "bomb.npz", {"image": _npy_header(shape)}, 4 << 20)
    monkeypatch.setattr("larq_el.data.samples.np.frombuffer", lambda *args: pytest.fail("was read"))
    with pytest.raises(UserError, match=f"array 'image' of .* has shape {re.escape(shape)}, which holds no sample"):
        load_samples(path, ["image"], 4)


def test_no_more_of_a_header_is_read_than_a_header_can_be(tmp_path):
    path = _bomb(tmp_path / "bomb.npz", {"image": _npy_header("(4, 3)", 256 << 20)}, 257 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="holds no arrays that can be read .*; write it with numpy.savez"):
            load_samples(path, ["image"], 4)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_the_limit_is_of_all_arrays_together(tmp_path, monkeypatch):
    monkeypatch.setattr("larq_el.data.samples.MOST_BYTES", 100)
    np.savez(tmp_path / "two.npz", left=np.zeros((9, 60), np.uint8), right=np.zeros((9, 60), np.uint8))
    with pytest.raises(UserError, match="1 rows of array 'right' in .* take 60 bytes, .* 100 are read of all"):
        load_samples(tmp_path / "two.npz", ["left", "right"], 1)


@pytest.mark.parametrize("labels", [np.zeros((4, 1), int), np.zeros(3, int), np.zeros((4, 10), int)])
def test_labels_of_another_shape_are_no_accuracy(tmp_path, labels):
    np.savez(tmp_path / "some.npz", image=np.zeros((4, 3), np.float32), labels=labels)
    predictor = evaluation.Predictor(lambda images: np.zeros((len(images), 10)), (None, 3), 10)
    with pytest.raises(UserError, match=r"labels must have shape \(4,\), one class for each sample, got \("):
        evaluation.evaluate(predictor, str(tmp_path / "some.npz"))
