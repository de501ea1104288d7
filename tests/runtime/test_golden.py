"""Outputs equal those of the Larq Compute Engine's reference kernels, for every kernel that this CPU can run."""

import functools
from collections import Counter

import models
import numpy as np
import pytest

from larq_el.convert import convert
from larq_el.runtime import Interpreter, available_isas
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.lce import lce

MODELS = ("geometries", "odd_channels", "odd_zero_padding", "groups", "bits", "residual", "tiny_images", "fixed_batch")
ISAS = ("avx512vpopcnt", "avx512bw", "avx2", "portable")


def as_list(outputs):
    return outputs if isinstance(outputs, list) else [outputs]


@functools.cache
def golden(name):
    """A flatbuffer, two samples and LCE's outputs for them."""
    model = getattr(models, name)()
    flatbuffer = convert(model).flatbuffer
    samples = np.random.default_rng(3).standard_normal((2, *model.input_shape[1:]), dtype=np.float32)
    samples[0, 0, 0] = -0.0
    samples[1, -1, -1] = np.nan if name != "residual" and name != "odd_channels" else 0.0
    # the reference kernels refuse zero padding of an odd number of channels
    reference = lce.testing.Interpreter(flatbuffer, use_reference_bconv=name != "odd_zero_padding")
    return flatbuffer, samples, as_list(reference.predict(samples))


def assert_equal(got, wanted):
    assert len(got) == len(wanted)
    for output, reference in zip(got, wanted, strict=True):
        assert output.shape == reference.shape
        assert output.dtype == reference.dtype
        scale = np.abs(reference).max()
        np.testing.assert_allclose(output, reference, rtol=1e-5, atol=1e-6 * scale)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("isa", ISAS)
def test_outputs_equal_those_of_lce(name, isa):
    if isa not in available_isas():
        pytest.skip(f"this CPU cannot run {isa}")
    flatbuffer, samples, wanted = golden(name)
    for num_threads in (1, 2):
        interpreter = Interpreter(flatbuffer, num_threads=num_threads, isa=isa)
        assert_equal(as_list(interpreter.predict(samples)), wanted)  # a batch of two, after a resize
        assert_equal(as_list(interpreter.predict(samples[1:])), [output[1:] for output in wanted])


def test_signs_are_exact():
    flatbuffer, samples, wanted = golden("bits")
    outputs = as_list(Interpreter(flatbuffer).predict(samples))
    (signs,) = (index for index, output in enumerate(wanted) if set(np.unique(output)) == {-1.0, 1.0})
    np.testing.assert_array_equal(outputs[signs], wanted[signs])


def test_the_models_take_every_way():
    operators = Flatbuffer(golden("bits")[0]).operators
    assert {"LceQuantize", "LceDequantize", "LceBconv2d", "LceBMaxPool2d"} <= {node.name for node in operators}
    written = Counter(node.outputs[0].dtype for node in operators if node.name == "LceBconv2d")
    assert written["int32"] >= 5
    assert written["float32"] >= 4
    filters = [node.input(1).shape for node in Flatbuffer(golden("groups")[0]).operators if node.name == "LceBconv2d"]
    assert sorted(shape[3] for shape in filters) == [1, 2, 2]  # words of a group, of the 4 of all channels


@pytest.mark.parametrize("float_ops", ["float16", "int8"])
def test_a_quantized_rest_runs_beside_the_delegate(float_ops):
    model = models.residual()
    flatbuffer = convert(model, float_ops=float_ops).flatbuffer
    samples = np.random.default_rng(4).standard_normal((3, 16, 16, 3), dtype=np.float32)
    outputs = [Interpreter(flatbuffer, isa=isa).predict(samples) for isa in available_isas()]
    for output in outputs[1:]:
        np.testing.assert_allclose(output, outputs[0], rtol=1e-4, atol=1e-4)
    assert np.isfinite(outputs[0]).all()


def test_a_batch_of_any_size_follows_another():
    flatbuffer, samples, wanted = golden("residual")
    interpreter = Interpreter(flatbuffer)
    for count in (5, 1, 2, 7):
        picks = [i % 2 for i in range(count)]
        assert_equal([interpreter.predict(samples[picks])], [wanted[0][picks]])
    assert interpreter.input_shape == (1, 16, 16, 3)
