"""Arguments and files that do not fit are refused with one sentence; the package needs neither TensorFlow nor Keras."""

import subprocess
import sys
import threading

import flatbuffers
import models
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from larq_el._version import __version__
from larq_el.convert import convert
from larq_el.errors import UserError
from larq_el.runtime import Interpreter, available_isas, delegate_path, load_delegate


@pytest.fixture(scope="module")
def flatbuffer():
    return convert(models.fixed_batch()).flatbuffer


@pytest.fixture
def images():
    return np.random.default_rng(0).standard_normal((3, 4, 4, 32), dtype=np.float32)


def test_a_path_is_read(flatbuffer, images, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(flatbuffer)
    wanted = Interpreter(flatbuffer).predict(images)
    np.testing.assert_array_equal(Interpreter(path).predict(images), wanted)
    np.testing.assert_array_equal(Interpreter(str(path)).predict(images), wanted)


def test_a_model_of_fixed_batch_computes_sample_by_sample(flatbuffer, images):
    interpreter = Interpreter(flatbuffer)
    together = interpreter.predict(images)
    assert together.shape == (3, 16, 3)
    np.testing.assert_array_equal(together, np.concatenate([interpreter.predict(image[None]) for image in images]))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((4, 4, 32), np.float32), r"shape \(N, 4, 4, 32\) with N samples, 1 or more, got \(4, 4, 32\)\."),
        (np.zeros((1, 4, 4, 31), np.float32), r"got \(1, 4, 4, 31\)"),
        (np.zeros((0, 4, 4, 32), np.float32), r"got \(0, 4, 4, 32\)"),
        (np.zeros((1, 4, 4, 32)), r'must be float32, got float64: convert it with \.astype\("float32"\)\.'),
        (np.zeros((1, 4, 4, 32), np.uint8), "got uint8"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(flatbuffer, x, message):
    with pytest.raises(UserError, match=message):
        Interpreter(flatbuffer).predict(x)


@pytest.mark.parametrize("num_threads", [0, -1, 1.5, "2"])
def test_threads_are_counted(flatbuffer, num_threads):
    with pytest.raises(UserError, match="num_threads must be a whole number from 1 to 256"):
        Interpreter(flatbuffer, num_threads=num_threads)


def test_an_unknown_isa_is_refused(flatbuffer):
    with pytest.raises(UserError, match=r"there is no isa 'mmx'; this CPU can run .*portable\.$"):
        Interpreter(flatbuffer, isa="mmx")


def test_an_unknown_option_is_refused():
    with pytest.raises(UserError, match=r"no option 'threads'; there are 'isa', 'fuse', 'int8' and 'profile'\.$"):
        load_delegate(threads="2")


def test_a_switch_is_on_or_off():
    with pytest.raises(UserError, match=r"option 'fuse' is on or off, not 'maybe'\.$"):
        load_delegate(fuse="maybe")


def test_two_inputs_are_refused():
    with pytest.raises(UserError, match="the model has 2 inputs, and this Interpreter takes one"):
        Interpreter(convert(models.two_inputs()).flatbuffer)


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(UserError, match="cannot read '.*none.tflite': No such file or directory"):
        Interpreter(tmp_path / "none.tflite")
    for content in (b"", b"PK\3\4 a zip archive"):
        with pytest.raises(UserError, match="the flatbuffer is not a TFLite model"):
            Interpreter(content)
    with pytest.raises(UserError, match="the model cannot run"):
        Interpreter(b"\x1c\0\0\0TFL3" + bytes(100))


def damage(flatbuffer, change):
    """The flatbuffer with its LceBconv2d changed: change(model, operator, options)."""
    model = schema.ModelT.InitFromPackedBuf(flatbuffer, 0)
    (operator,) = (
        operator
        for operator in model.subgraphs[0].operators
        if model.operatorCodes[operator.opcodeIndex].customCode == b"LceBconv2d"
    )
    operator.inputs = list(operator.inputs)
    options = flexbuffers.Loads(bytes(operator.customOptions))
    change(model, operator, options)
    operator.customOptions = list(flexbuffers.Dumps(options))
    builder = flatbuffers.Builder(len(flatbuffer))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def reshape_filter(model, operator, shape):
    model.subgraphs[0].tensors[operator.inputs[1]].shape = shape


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda model, operator, options: options.update(channels_in=96), "a filter of 1 words does not fit 96 input"),
        (
            lambda model, operator, options: options.update(stride_width=0),
            "stride_width must be from 1 to 65536",
        ),
        (lambda model, operator, options: options.update(padding=-5), "padding must be from 0 to 1, got -5"),
        (lambda model, operator, options: options.pop("pad_values"), "the option pad_values is missing"),
        (lambda model, operator, options: operator.inputs.pop(), "4 inputs and 1 outputs instead of 5 and 1"),
        (lambda model, operator, options: operator.inputs.__setitem__(1, -1), "an operand is missing"),
        (lambda model, operator, options: operator.inputs.__setitem__(2, -1), "an operand is missing"),
        (lambda model, operator, options: reshape_filter(model, operator, [288]), "the filter must have 4 dimensions"),
        (lambda model, operator, options: reshape_filter(model, operator, [32, 3, 1, 3]), "does not fit 32 input"),
        (lambda model, operator, options: reshape_filter(model, operator, [96, 3, 1, 1]), "input 2 must be a constant"),
    ],
)
def test_operators_that_do_not_fit_are_refused(flatbuffer, change, message):
    with pytest.raises(UserError, match=f"^the model cannot run: LceBconv2d: .*{message}[^.]*\\.$"):
        Interpreter(damage(flatbuffer, change))


def test_a_missing_delegate_is_named(monkeypatch, tmp_path, flatbuffer):
    monkeypatch.setenv("LARQ_EL_DELEGATE", str(tmp_path / "none.so"))
    with pytest.raises(UserError, match=r"there is no native delegate at '.*none\.so': correct LARQ_EL_DELEGATE"):
        Interpreter(flatbuffer)
    monkeypatch.delenv("LARQ_EL_DELEGATE")
    monkeypatch.setattr("larq_el.runtime.delegate._OWN", tmp_path / "none.so")
    with pytest.raises(UserError, match="build it with `python native/build.py`"):
        delegate_path()


def test_what_is_no_delegate_is_refused(monkeypatch, tmp_path):
    path = tmp_path / "text.so"
    path.write_text("no library")
    monkeypatch.setenv("LARQ_EL_DELEGATE", str(path))
    with pytest.raises(UserError, match="is no native delegate of this machine"):
        available_isas()


def test_a_stale_build_is_noticed(monkeypatch):
    monkeypatch.setattr("larq_el.runtime.delegate.__version__", "99.0")
    with pytest.raises(UserError, match=f"was built for larq_el {__version__}, and this is 99.0: build it"):
        delegate_path()


def test_another_library_may_be_named(monkeypatch, tmp_path):
    copy = tmp_path / "copy.so"
    copy.write_bytes(delegate_path().read_bytes())
    monkeypatch.setenv("LARQ_EL_DELEGATE", str(copy))
    assert delegate_path() == copy
    assert "portable" in available_isas()


def test_a_stock_interpreter_takes_the_delegate(flatbuffer, images):
    from ai_edge_litert.interpreter import Interpreter as Stock

    stock = Stock(model_content=flatbuffer, experimental_delegates=[load_delegate(isa="portable")])
    stock.allocate_tensors()
    stock.set_tensor(stock.get_input_details()[0]["index"], images[:1])
    stock.invoke()
    output = stock.get_tensor(stock.get_output_details()[0]["index"])
    np.testing.assert_array_equal(output, Interpreter(flatbuffer).predict(images[:1]))


def test_one_delegate_serves_interpreters_in_several_threads(flatbuffer, images):
    from ai_edge_litert.interpreter import Interpreter as Stock

    wanted = Interpreter(flatbuffer).predict(images[:1])
    delegate = load_delegate()
    different = []

    def run():
        stock = Stock(model_content=flatbuffer, num_threads=2, experimental_delegates=[delegate])
        stock.allocate_tensors()
        for _ in range(50):
            stock.set_tensor(stock.get_input_details()[0]["index"], images[:1])
            stock.invoke()
            if not np.array_equal(stock.get_tensor(stock.get_output_details()[0]["index"]), wanted):
                different.append(1)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert different == []


def test_neither_tensorflow_nor_keras_is_loaded(flatbuffer, tmp_path):
    (tmp_path / "model.tflite").write_bytes(flatbuffer)
    code = """
import sys
import numpy as np
from larq_el.runtime import Interpreter
output = Interpreter("model.tflite").predict(np.ones((2, 4, 4, 32), np.float32))
assert output.shape == (2, 16, 3), output.shape
loaded = {name.split(".")[0] for name in sys.modules}
assert not loaded & {"tensorflow", "tf_keras", "keras", "larq", "larq_compute_engine"}, loaded
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "Exception ignored" not in result.stderr
