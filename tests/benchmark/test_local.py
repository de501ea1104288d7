import itertools

import pytest

from larq_el._keras import keras, lq
from larq_el.benchmark import Measurement, benchmark, environment
from larq_el.benchmark.local import interleave
from larq_el.convert import convert
from larq_el.errors import UserError
from larq_el.tflite import runners


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A binary and a float flatbuffer."""
    folder = tmp_path_factory.mktemp("files")
    image = keras.Input((8, 8, 32))
    conv = lq.layers.QuantConv2D(
        32, 3, input_quantizer="ste_sign", kernel_quantizer="ste_sign", kernel_constraint="weight_clip"
    )
    convert(keras.Model(image, conv(image))).save(folder / "binary.tflite")
    convert(keras.Model(image, keras.layers.Conv2D(4, 3)(image))).save(folder / "float.tflite")
    return folder


def test_each_file_runs_in_what_fits_it(files):
    results = benchmark([files / "binary.tflite", files / "float.tflite"], runs=3, warmup=1)
    assert [(result.path.name, result.runtime) for result in results] == [
        ("binary.tflite", "lce"),
        ("binary.tflite", "lce-indirect"),
        ("binary.tflite", "native"),
        ("float.tflite", "stock"),
    ]
    assert all(len(result.milliseconds) == 3 for result in results)
    assert results[3].bytes == (files / "float.tflite").stat().st_size


def test_lce_also_runs_float_models(files):
    (result,) = benchmark([files / "float.tflite"], runtimes=["lce-indirect"], num_threads=2, runs=1, warmup=0)
    assert result.runtime == "lce-indirect"


def test_runs_are_interleaved_and_warm_ups_are_not_timed():
    order = []
    seconds = itertools.count()
    jobs = [lambda name=name: order.append(name) for name in "ab"]
    times = interleave(jobs, runs=2, warmup=1, clock=lambda: next(seconds))
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert times == [[1, 1], [1, 1]]


def test_medians_and_quartiles_by_hand():
    measured = Measurement(None, "stock", 1, (5.0, 1.0, 2.0, 4.0, 3.0))
    assert measured.median_ms == 3.0
    assert measured.quartiles_ms == (2.0, 4.0)
    assert measured.to_dict()["min_ms"] == 1.0
    assert measured.to_dict()["max_ms"] == 5.0


def test_one_run_is_its_own_spread():
    assert Measurement(None, "stock", 1, (5.0,)).quartiles_ms == (5.0, 5.0)


def test_the_environment_names_what_was_measured_on():
    where = environment(2)
    assert where["threads"] == 2
    assert "larq-compute-engine 0." in where["packages"]
    assert where["cpu"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"runtimes": ["stok"]}, "there is no runtime 'stok'; did you mean 'stock'"),
        ({"runtimes": ["stock"]}, "holds LceBconv2d, which the stock runtime cannot run"),
        ({"runs": 0}, "runs must be at least 1, got 0"),
        ({"num_threads": 0}, "threads must be at least 1, got 0"),
        ({"num_threads": 100_000}, "threads must be at most 256, got 100000; give as many as there are cores"),
        ({"warmup": -1}, "warmup must not be negative, got -1"),
    ],
)
def test_mistakes_are_named(files, arguments, message):
    with pytest.raises(UserError, match=message):
        benchmark([files / "binary.tflite"], **arguments)


def test_damaged_files_are_named(files, tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        benchmark([tmp_path / "none.tflite"])
    content = (files / "binary.tflite").read_bytes()
    (tmp_path / "cut.tflite").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="damaged TFLite model"):
        benchmark([tmp_path / "cut.tflite"])


@pytest.mark.parametrize(
    ("runtime", "message"),
    [
        ("stock", "which the stock runtime cannot run"),
        ("lce", "the interpreter of the Larq Compute Engine cannot run "),
    ],
)
def test_what_a_runtime_cannot_run_is_a_sentence(files, runtime, message):
    # an operator that no runtime knows
    content = (files / "binary.tflite").read_bytes().replace(b"LceBconv2d", b"LceBconv9d")
    (files / "unknown.tflite").write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        benchmark([files / "unknown.tflite"], runtimes=[runtime])
    assert "unknown.tflite" in str(caught.value)
    assert "\n" not in str(caught.value)


def add_runner(monkeypatch, name, run):
    """A runtime that does what a function does."""
    loaded = runners.Loaded(lambda inputs: [], lambda inputs: run)
    monkeypatch.setitem(runners.RUNNERS, name, runners.Runner(name, name, "", lambda *_: loaded))
    monkeypatch.setattr(runners, "is_installed", lambda name: True)
    monkeypatch.setattr(runners, "check_runs", lambda *_, **__: None)


def test_a_model_that_fails_in_its_first_run_is_a_sentence(files, monkeypatch):
    def fail():
        raise RuntimeError("ERROR at wrapper.h:290 :\n Invoke failed.\n")

    add_runner(monkeypatch, "failing", fail)
    message = "float.tflite' does not run in 'failing': ERROR at wrapper.h:290 : Invoke failed.$"
    with pytest.raises(UserError, match=message):
        benchmark([files / "float.tflite"], runtimes=["failing"])


def test_runs_of_all_files_alternate(files, monkeypatch):
    order = []
    for name in ("x", "y"):
        add_runner(monkeypatch, name, lambda name=name: order.append(name))
    benchmark([files / "float.tflite"], runtimes=["x", "y"], runs=2, warmup=1)
    assert "".join(order) == "xy" + "xy" + "xyxy"  # one that shows that they run, the warm-up, the timed
