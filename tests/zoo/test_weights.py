"""Loading weights from a file: each kind of file, what is refused, and that a model is never left half loaded."""

import contextlib
import io
import json
import struct
import zipfile

import numpy as np
import pytest

from larq_el import zoo
from larq_el._keras import keras, lq
from larq_el.errors import UserError
from larq_el.zoo.weights.loading import load_weights
from larq_el.zoo.weights.packed import load_packed, save_weights

SMALL = {"input_shape": (32, 32, 3), "width": 0.125, "classes": 10}


def _images():
    return np.random.default_rng(0).normal(scale=60, size=(2, 32, 32, 3)).astype(np.float32)


@pytest.mark.parametrize("as_path", [str, lambda path: path])
@pytest.mark.parametrize("name", ["x.npz", "x.h5", "x.weights.h5", "x.keras"])
def test_a_file_of_every_kind_is_loaded(tmp_path, name, as_path):
    model = zoo.create_model("xnor_resnet18", **SMALL)
    if name.endswith("npz"):
        save_weights(model, tmp_path / name)
    elif name.endswith("h5"):
        model.save_weights(tmp_path / name)
    else:
        model.save(tmp_path / name)
    other = zoo.create_model("xnor_resnet18", weights=as_path(tmp_path / name), **SMALL)
    np.testing.assert_array_equal(other(_images()), model(_images()))


@pytest.mark.parametrize("name", ["x.npz", "x.h5", "x.weights.h5", "x.keras"])
def test_a_refused_file_leaves_the_model_as_it_was(tmp_path, name):
    def build(last):
        layers = [keras.layers.Dense(2, name="first"), keras.layers.Dense(last, name="last")]
        return keras.Sequential([keras.Input((3,)), *layers], name="net")

    if name.endswith("npz"):
        save_weights(build(4), tmp_path / name)
    elif name.endswith("h5"):
        build(4).save_weights(tmp_path / name)
    else:
        build(4).save(tmp_path / name)
    model = build(5)
    before = model.get_weights()
    with pytest.raises(UserError, match=f"{name}' does not hold the weights of 'net': "):
        load_weights(model, tmp_path / name)
    for value, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, old)


@pytest.mark.parametrize("weights", ["imagenet2", "gone.npz"])
def test_a_name_that_is_no_file_is_refused(weights):
    with pytest.raises(UserError, match=f"weights must be None or the path of a weights file, .* no file '{weights}'"):
        zoo.create_model("el_resnet18", weights=weights, **SMALL)


def test_what_is_not_published_is_told_with_how_to_train():
    with pytest.raises(UserError, match="'imagenet' of 'el_resnet18' are not published yet; give .* `larq-el train`"):
        zoo.create_model("el_resnet18", weights="imagenet", **SMALL)


def conv(quantizer="magnitude_aware_sign", filters=5, name="conv"):
    return lq.layers.QuantConv2D(
        filters, 3, kernel_quantizer=quantizer, kernel_constraint="weight_clip", bias_initializer="normal", name=name
    )


def network(*layers, name="net"):
    return keras.Sequential([keras.Input((8, 8, 3)), *layers], name=name)


def flat(layer, **dense):
    return network(layer, keras.layers.Flatten(), keras.layers.Dense(2, name="dense", **dense))


@pytest.fixture
def saved(tmp_path):
    """A file of packed weights of a small network."""
    path = tmp_path / "x.npz"
    save_weights(flat(conv()), path)
    return path


@pytest.fixture
def model(saved):
    """The network of `saved`, with other weights."""
    return flat(conv())


def repacked(path, change):
    """The file again, after `change` of the dict of its arrays."""
    with np.load(path) as file:
        arrays = dict(file)
    change(arrays)
    np.savez(path, **arrays)


def refuses(model, path, message):
    before = model.get_weights()
    with pytest.raises(UserError, match=message) as caught:
        load_packed(model, path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    for value, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, old)


def test_the_weights_of_another_network_are_refused(saved):
    small = network(conv(), name="small")
    refuses(
        small,
        saved,
        "'.*x.npz', saved from 'net', does not hold the weights of 'small': the model has no 'dense/bias' .2 are",
    )
    large = network(conv(), conv(name="more"))
    refuses(large, saved, "there is no 'more/kernel' .2 are missing.; build the model by the name and the options that")


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            conv(filters=6),
            r"'conv/kernel.bits' is uint8 of shape \(17,\), and the model's is .* \(21,\)",
        ),
        (conv("ste_sign"), "'conv/kernel' was quantized to other values than the model's quantizer gives; give"),
        (conv(None), "'conv/kernel' is stored as bits, and the model does not quantize it to two values; give a whole"),
    ],
)
def test_a_layer_that_differs_is_refused(saved, layer, message):
    refuses(flat(layer), saved, f"x.npz' does not hold the weights of 'net': {message}")


def test_a_weight_of_another_dtype_is_refused(saved):
    refuses(
        flat(conv(), dtype="float64"),
        saved,
        r"'dense/kernel' is float32 of shape \(180, 2\), and the model's is float64 of shape",
    )


def _header(**changes):
    def change(arrays):
        header = {"format": "larq_el weights", "version": 1, "model": "net"} | changes
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)

    return change


@pytest.mark.parametrize("version", [2, 0, None, "1"])
def test_another_version_is_refused(saved, model, version):
    repacked(saved, _header(version=version))
    refuses(model, saved, f"is of version {version!r} of the format, and this release .* reads 1; update larq_el, or")


@pytest.mark.parametrize(
    "change",
    [
        _header(format="other"),
        lambda arrays: arrays.pop("header"),
        lambda arrays: arrays.update(header=np.zeros(10, np.uint8)),
        lambda arrays: arrays.update(header=np.frombuffer(b"[" * 60000, np.uint8)),
        lambda arrays: arrays.update(header=np.frombuffer(b"[1]", np.uint8)),
        lambda arrays: arrays.update(header=np.zeros(1 << 17, np.uint8)),
        lambda arrays: arrays.update(header=np.array("text")),
        lambda arrays: arrays.update(header=np.zeros((2, 2), np.uint8)),
    ],
)
def test_an_npz_file_of_something_else_is_refused(saved, model, change):
    repacked(saved, change)
    refuses(model, saved, "x.npz' is no file of packed weights; give one that save_weights wrote.")


def test_pickled_objects_are_not_loaded(saved, model):
    repacked(saved, lambda arrays: arrays.update({"conv/bias": np.array([None] * 5)}))
    refuses(model, saved, r"'conv/bias' is object of shape \(5,\), and the model's is float32 of shape \(5,\)")


def test_another_order_of_the_numbers_is_refused(saved, model):
    repacked(saved, lambda arrays: arrays.update({"dense/kernel": np.asfortranarray(arrays["dense/kernel"])}))
    refuses(model, saved, "'dense/kernel' is float32 of shape")


@pytest.mark.parametrize("content", [b"", b"no zip\n", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_zip_is_refused(tmp_path, saved, model, content):
    saved.write_bytes(content)
    refuses(
        model, saved, "x.npz' does not hold the weights of 'net': .*zip.*; give a whole file that save_weights wrote"
    )


def test_a_file_that_is_not_there_is_refused(tmp_path, model):
    refuses(model, tmp_path / "gone.npz", "gone.npz' does not hold the weights of 'net': .*No such file")


def test_a_truncated_file_is_refused_at_every_length(saved, model):
    content = saved.read_bytes()
    for length in range(0, len(content), 97):
        saved.write_bytes(content[:length])
        refuses(model, saved, "x.npz' does not hold the weights of 'net'")


def test_a_changed_byte_is_refused_or_harmless(saved, model):
    content = saved.read_bytes()
    load_packed(model, saved)
    whole = model.get_weights()
    for position in range(0, len(content), 3):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        saved.write_bytes(damaged)
        with contextlib.suppress(UserError):
            load_packed(model, saved)
        # such as a date; the content has a checksum
        for value, expected in zip(model.get_weights(), whole, strict=True):
            np.testing.assert_array_equal(value, expected)


def _with_member(path, name, content, compression=zipfile.ZIP_DEFLATED):
    """The file with one member replaced."""
    with zipfile.ZipFile(path) as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for each, old in {**members, name: content}.items():
            archive.writestr(each, old, compression if each == name else zipfile.ZIP_STORED)


def _npy(header, content=b""):
    text = repr(header).encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_npy({"descr": "<f4", "fortran_order": False, "shape": (10**12,)}), r"is float32 of shape \(1000000000000,\)"),
        (_npy({"descr": "<f4", "fortran_order": False, "shape": (5,)}, bytes(1 << 20)), "has another length than it"),
        (_npy({"descr": "<f4", "fortran_order": False, "shape": (5,)}, bytes(19)), "has another length than it says"),
        (b"\x93NUMPY\x03\x00" + bytes(20), "is no array of version 1.0"),
        (b"text", "magic string|EOF"),
        (_npy({"descr": "<f4"}), "[Hh]eader"),
    ],
)
def test_a_member_of_another_size_is_not_read(saved, model, content, message):
    _with_member(saved, "conv/bias.npy", content)
    refuses(model, saved, message)


def test_a_header_of_negative_length_is_not_read(saved, model):
    _with_member(saved, "header.npy", _npy({"descr": "|u1", "fortran_order": False, "shape": (-1,)}, bytes(100)))
    refuses(model, saved, "is no file of packed weights")


def test_a_compression_that_may_blow_up_is_refused(saved, model):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(5, np.float32))
    _with_member(saved, "conv/bias.npy", buffer.getvalue(), zipfile.ZIP_BZIP2)
    refuses(model, saved, "'conv/bias' is compressed in a way that numpy does not use")
