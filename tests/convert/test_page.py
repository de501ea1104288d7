"""What `inspect` says of any flatbuffer, and its page."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from larq_el._keras import keras, lq, tf
from larq_el.convert import convert, inspect
from larq_el.convert.report.page import page
from larq_el.convert.report.report import Convolution, Report
from larq_el.tflite import runtimes
from larq_el.tflite.graph import Operator
from larq_el.tflite.runtimes import runtimes_of

VOID = {"meta", "rect"}


class Checker(HTMLParser):
    """Every element is closed, in order."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def operator(name, custom):
    return Operator(0, name, (), (), {}, custom)


def test_the_page_is_whole_and_needs_nothing_else(linked_model):
    report = convert(linked_model).report
    text = page(report, "linked.tflite")
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    assert checker.seen.count("rect") == 2 * len(report.convolutions)
    assert "script" not in checker.seen
    # the one address is the name of SVG
    assert re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"]
    for conv in report.convolutions:
        assert f"<td>{conv.layer}</td>" in text


def test_names_cannot_leave_their_place():
    conv = Convolution("</td><script>alert(1)</script>", "<x>", False, "\"&'", (1, 1, 1, 1), 1, 4)
    text = page(Report((conv,), {"<script>": 1}, 8, unresolved=("<y>",)), "</title><script>")
    assert "<script" not in text
    assert "<x>" not in text
    Checker().feed(text)


def test_a_page_of_nothing():
    Checker().feed(page(Report((), {}, 0), "empty"))


@pytest.mark.parametrize(
    ("operators", "runs", "missing"),
    [
        ([("CONV_2D", False)], (True, True, True), ()),
        ([("CONV_2D", False), ("LceQuantize", True)], (False, True, True), ("LceQuantize",)),
        ([("FlexDet", True)], (False, False, False), ("FlexDet",)),
        ([("TFLite_Detection_PostProcess", True)], (True, True, True), ()),
    ],
)
def test_what_keeps_a_runtime_from_a_model(operators, runs, missing):
    found = runtimes_of(operator(*each) for each in operators)
    assert tuple(runtime.runs for runtime in found) == runs
    assert found[0].missing == missing


def test_groups_need_the_indirect_kernel_of_lce():
    image = keras.Input((8, 8, 128))
    x = lq.layers.QuantConv2D(
        32, 1, groups=4, input_quantizer="ste_sign", kernel_quantizer="ste_sign", kernel_constraint="weight_clip"
    )(image)
    stock, lce, own = convert(keras.Model(image, x)).report.runtimes
    assert not stock.runs
    assert lce.runs
    assert "--use_indirect_bgemm=true" in lce.note
    assert own.note == ""


def test_bytes_by_hand(linked_model):
    report = convert(linked_model).report
    convs = {conv.layer: conv.bytes for conv in report.convolutions}
    assert report.binary_bytes == convs["first"] + convs["second"]
    assert report.operator_bytes["CONV_2D"] == convs["stem"]
    assert report.binary_bytes + report.float_bytes == sum(report.operator_bytes.values()) < report.bytes
    assert [(port.shape, port.dtype) for port in report.inputs] == [((1, 8, 8, 3), "float32")]
    assert [(port.shape, port.dtype) for port in report.outputs] == [((1, 10), "float32")]


def test_a_flatbuffer_of_another_converter_with_a_loop(monkeypatch):
    monkeypatch.setattr(runtimes, "SECONDS", 2)  # of zeros it has no end, which is no fault of a runtime

    @tf.function(input_signature=[tf.TensorSpec((1, 4))])
    def doubled(x):
        return tf.while_loop(lambda x: tf.reduce_sum(x) < 100.0, lambda x: [x * 2.0], [x])

    converter = tf.lite.TFLiteConverter.from_concrete_functions([doubled.get_concrete_function()], tf.Module())
    report = inspect(converter.convert())
    assert report.subgraphs == 3
    assert report.operators["WHILE"] == 1
    assert all(runtime.runs for runtime in report.runtimes)


def test_weights_that_are_no_numbers_are_a_fault():
    image = keras.Input((4, 4, 3))
    model = keras.Model(image, keras.layers.Conv2D(8, 1, name="conv")(image))
    content = bytearray(convert(model).flatbuffer)
    kernel = np.ascontiguousarray(model.layers[1].get_weights()[0].transpose(3, 0, 1, 2)).tobytes()
    at = bytes(content).index(kernel)
    content[at : at + 4] = np.float32(np.nan).tobytes()
    (conv,) = inspect(bytes(content)).faulty
    assert conv.fault.startswith("its weights hold NaN")
