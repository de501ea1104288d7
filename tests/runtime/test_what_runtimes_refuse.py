"""`inspect` lets the runtimes' own checks decide: options of LceBconv2d that are missing or absurd, crashes."""

import json

import flatbuffers
import lce_grid
import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from larq_el.cli.app import group
from larq_el.cli.exit import run
from larq_el.convert import inspect
from larq_el.tflite.runtimes import LCE, OWN, STOCK

OPTIONS = dict(
    channels_in=64,
    stride_height=1,
    stride_width=1,
    dilation_height_factor=1,
    dilation_width_factor=1,
    padding=1,
    pad_values=0,
    fused_activation_function=0,
)


def convolution(**changes):
    """A 3x3 convolution of 64 channels with changed options; None takes one away."""
    case = lce_grid.Case("LceBconv2d", OPTIONS, (3, 3, 8), output="float")
    builder = lce_grid.Builder((1, 4, 4, 64))
    builder.add(case)
    options = {name: value for name, value in {**OPTIONS, **changes}.items() if value is not None}
    builder.graph.operators[-1].customOptions = list(flexbuffers.Dumps(options))
    return builder.content()


def able(report):
    return {runtime.name: runtime.runs for runtime in report.runtimes}


@pytest.mark.parametrize(
    ("changes", "lce", "native"),
    [
        ({"stride_width": 0}, "it crashes (SIGABRT)", "stride_width must be from 1 to 65536, got 0"),
        ({"stride_height": -3}, "it crashes (SIGABRT)", "stride_height must be from 1 to 65536, got -3"),
        ({"padding": None}, 'm["padding"]', "the option padding is missing"),
        ({"channels_in": None}, 'm["channels_in"]', "the option channels_in is missing"),
        ({name: None for name in OPTIONS}, "was not true", "is missing"),
        ({"channels_in": 96}, "channels_in", "a filter of 2 words does not fit 96 input"),
        ({"dilation_width_factor": 1 << 30}, "overflow", "dilation_width_factor must be from 1 to 65536"),
        ({"pad_values": 7}, "pad_values must be 0 or 1", "pad_values must be from 0 to 1, got 7"),
    ],
)
def test_what_a_runtime_refuses_is_told_in_its_words(changes, lce, native):
    report = inspect(convolution(**changes))
    assert able(report) == {STOCK: False, LCE: False, OWN: False}
    refused = {runtime.name: runtime.refused for runtime in report.runtimes}
    assert lce in refused[LCE]
    assert native in refused[OWN]


def test_without_a_trial_the_operators_decide():
    assert able(inspect(convolution())) == {STOCK: False, LCE: True, OWN: True}
    assert able(inspect(convolution(padding=None), trial=False)) == {STOCK: False, LCE: True, OWN: True}


def test_the_command_says_who_refuses(tmp_path, capsys):
    path = tmp_path / "model.tflite"
    path.write_bytes(convolution(padding=None))

    def printed(*options):
        assert run(group, ["inspect", str(path), *options]) == 0
        return capsys.readouterr().out

    assert "LceBconv2d: the option padding is missing" in printed()
    assert [runtime["refused"] != "" for runtime in json.loads(printed("--json"))["runtimes"]] == [False, True, True]
    assert "LceBconv2d: the option padding is missing" not in printed("--no-trial")


def test_stock_operators_are_tried_too():
    """A float model whose only operator has a tensor too few."""
    model = schema.ModelT.InitFromPackedBuf(convolution(), 0)
    graph = model.subgraphs[0]
    graph.operators = graph.operators[:1]
    model.operatorCodes[0].customCode = None
    model.operatorCodes[0].builtinCode = schema.BuiltinOperator.ADD
    model.operatorCodes[0].deprecatedBuiltinCode = schema.BuiltinOperator.ADD
    graph.operators[0].customOptions = None
    graph.outputs = list(graph.operators[0].outputs)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    report = inspect(bytes(builder.Output()))
    assert able(report) == {STOCK: False, LCE: False, OWN: False}
    assert all(runtime.refused and not runtime.missing for runtime in report.runtimes)
