import subprocess
import sys

import numpy as np
import pytest

from larq_el.cli.app import group
from larq_el.cli.exit import run
from larq_el.convert import convert, inspect
from larq_el.errors import UserError
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.packing import pack, unpack


def test_inspect_knows_what_a_file_is_made_of_without_keras(linked_model, tmp_path):
    path = convert(linked_model).save(tmp_path / "model.tflite")
    report = inspect(path)
    assert [conv.binary for conv in report.convolutions] == [False, True, True, False]
    assert report.binary_macs == 8 * 8 * (32 * 64 + 3 * 3 * 64 * 32)
    assert report.float_macs == 8 * 8 * 27 * 32 + 320
    assert report.to_dict()["operators"]["LceBconv2d"] == 2
    assert report.bytes == path.stat().st_size


def test_inspect_explains_a_lost_convolution_without_keras(broken_model):
    (conv,) = inspect(convert(broken_model).flatbuffer).convolutions
    assert conv.binary_in_keras is None
    assert "RESHAPE stands between" in conv.reason


def test_inspect_loads_no_tensorflow(linked_model, tmp_path):
    path = convert(linked_model).save(tmp_path / "model.tflite")
    code = f"from larq_el.convert import inspect; inspect({str(path)!r})"
    code += "; import sys; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_other_outputs_show_the_tensors_inside(linked_model):
    import larq_compute_engine as lce

    content = Flatbuffer(convert(linked_model).flatbuffer)
    quantize = next(operator for operator in content.operators if operator.name == "LceQuantize")
    stem = quantize.input(0)
    x = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype(np.float32)
    values = lce.testing.Interpreter(content.with_outputs([stem.index])).predict(x)
    kernel, bias = linked_model.get_layer("stem").get_weights()
    # the pixel at the centre of the window that starts in row 2, column 3
    window = np.einsum("hwc,hwco->o", x[0, 2:5, 3:6], kernel) + bias
    np.testing.assert_allclose(values[0, 3, 4], window, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a TFLite model"),
        (b"this is a text file, not a model", "is not a TFLite model"),
        (b"\x00\x00\x00\x00TFL3", "is a damaged TFLite model"),
        (b"\xff\xff\xff\x7fTFL3" + 64 * b"\xff", "is a damaged TFLite model"),
    ],
)
def test_what_is_not_a_model_is_said_in_a_sentence(content, message, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        inspect(path)


def test_a_missing_file_is_named():
    with pytest.raises(UserError, match="there is no file 'nowhere.tflite'"):
        inspect("nowhere.tflite")


def test_a_truncated_file_is_damaged(linked_model):
    content = convert(linked_model).flatbuffer
    with pytest.raises(UserError, match="damaged TFLite model"):
        inspect(content[: len(content) // 3])


@pytest.mark.parametrize(("field", "value"), [("name", b"\xff\xfe"), ("buffer", 10_000)])
def test_metadata_that_cannot_be_read_is_damage(linked_model, field, value):
    model = unpack(convert(linked_model).flatbuffer)
    setattr(model.metadata[0], field, value)
    with pytest.raises(UserError, match="is a damaged TFLite model"):
        Flatbuffer(pack(model))


@pytest.mark.parametrize("float_ops", ["float16", "int8"])
def test_smaller_types_are_named_and_counted_once(linked_model, float_ops):
    report = inspect(convert(linked_model, float_ops=float_ops).flatbuffer)
    stem = report.convolutions[0]
    if float_ops == "int8":
        assert {conv.reason for conv in report.convolutions if not conv.binary} >= {"int8"}
    else:
        assert stem.reason == "full precision"
        assert "DEQUANTIZE" in report.operators
        assert "DEQUANTIZE" not in report.operator_bytes
        assert report.operator_bytes["CONV_2D"] == stem.bytes == 2 * 27 * 32 + 4 * 32
    assert sum(report.operator_bytes.values()) < report.bytes


def test_a_second_signature_is_not_called_a_loop(linked_model, tmp_path, capsys):
    model = unpack(convert(linked_model).flatbuffer)
    model.subgraphs.append(model.subgraphs[0])
    (tmp_path / "two.tflite").write_bytes(pack(model))
    assert run(group, ["inspect", str(tmp_path / "two.tflite")]) == 0
    assert "It has 2 graphs: bodies of loops and branches, or other signatures, are counted." in capsys.readouterr().out
