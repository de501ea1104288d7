"""Our description of TFLite's C interface (native/tfl_abi.h) against the runtime's own headers.

pip's packages (TensorFlow 2.16 and 2.21 were looked at) have no such headers: LARQ_EL_TFLITE_HEADERS names the checkout
of a runtime, of google-ai-edge/LiteRT (with `tflite/core/c/common.h`) or of tensorflow/tensorflow (with
`tensorflow/lite/core/c/common.h`).
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

NATIVE = Path(__file__).parents[2] / "native"
CHECKOUT = Path(os.environ.get("LARQ_EL_TFLITE_HEADERS", "/none"))
PREFIX = next((name for name in ("tflite", "tensorflow/lite") if (CHECKOUT / name / "core/c/common.h").is_file()), None)
COMPILER = shutil.which(os.environ.get("CXX", "g++"))

# of each structure of ours, TFLite's name of it, and of the fields that are called otherwise
STRUCTURES = {
    "IntArray": ("TfLiteIntArray", {}),
    "Quantization": ("TfLiteQuantizationParams", {}),
    "Tensor": ("TfLiteTensor", {}),
    "Node": ("TfLiteNode", {}),
    "Registration": ("TfLiteRegistration", {}),
    "Context": ("TfLiteContext", {"unused_impl": "impl_"}),
    "Delegate": ("TfLiteDelegate", {"data": "data_"}),
    "DelegateParams": ("TfLiteDelegateParams", {}),
    "ArithmeticParams": ("TfLiteAddParams", {}),
    "ReducerParams": ("TfLiteReducerParams", {}),
    "PoolParams": ("TfLitePoolParams", {}),
    "StridedSliceParams": ("TfLiteStridedSliceParams", {}),
}
VALUES = {
    "kOk": "kTfLiteOk",
    "kError": "kTfLiteError",
    "kFloat32": "kTfLiteFloat32",
    "kInt32": "kTfLiteInt32",
    "kBool": "kTfLiteBool",
    "kInt8": "kTfLiteInt8",
    "kMmapRo": "kTfLiteMmapRo",
    "kDynamic": "kTfLiteDynamic",
    "kPersistentRo": "kTfLitePersistentRo",
    "kAdd": "kTfLiteBuiltinAdd",
    "kMaxPool2d": "kTfLiteBuiltinMaxPool2d",
    "kMul": "kTfLiteBuiltinMul",
    "kRelu": "kTfLiteBuiltinRelu",
    "kReshape": "kTfLiteBuiltinReshape",
    "kCustom": "kTfLiteBuiltinCustom",
    "kMean": "kTfLiteBuiltinMean",
    "kSub": "kTfLiteBuiltinSub",
    "kStridedSlice": "kTfLiteBuiltinStridedSlice",
    "kDelegateNode": "kTfLiteBuiltinDelegate",
    "kPrelu": "kTfLiteBuiltinPrelu",
    "kSum": "kTfLiteBuiltinSum",
    "kAbs": "kTfLiteBuiltinAbs",
    "kNone": "kTfLiteActNone",
    "kReluActivation": "kTfLiteActRelu",
    "kSame": "kTfLitePaddingSame",
    "kAllowDynamicTensors": "kTfLiteDelegateFlagsAllowDynamicTensors",
}

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="no C++ compiler"),
    pytest.mark.skipif(PREFIX is None, reason="LARQ_EL_TFLITE_HEADERS names no runtime's headers"),
]


def fields():
    """Of each structure of the header, the names of its fields."""
    text = re.sub(r"//[^\n]*", "", (NATIVE / "tfl_abi.h").read_text())
    found = {}
    for name, body in re.findall(r"^struct (\w+) \{(.*?)^\};", text, re.MULTILINE | re.DOTALL):
        body = re.sub(r"struct \{.*?\} (\w+);", r"int \1;", body, flags=re.DOTALL)
        pointers = re.findall(r"\(\*(\w+)\)", body)
        plain = re.sub(r"[^;]*\(\*\w+\)\([^;]*;", "", body)
        found[name] = pointers + re.findall(r"(\w+)(?:\[\])?;", plain)
    return found


def compiled(tmp_path, header):
    """The compiler's messages on a comparison of the two."""
    lines = [f'#include "{PREFIX}/core/c/common.h"', f'#include "{PREFIX}/core/c/builtin_op_data.h"']
    lines += [f'#include "{PREFIX}/builtin_ops.h"', f'#include "{header}"', "using namespace larq_el;"]
    for ours, (theirs, renamed) in STRUCTURES.items():
        for field in fields()[ours]:
            other = renamed.get(field, field)
            lines.append(
                f'static_assert(offsetof(tfl::{ours}, {field}) == offsetof({theirs}, {other}), "{ours}.{field}");'
            )
    lines += [f'static_assert(int(tfl::{ours}) == int({theirs}), "{ours}");' for ours, theirs in VALUES.items()]
    for ours in ("Tensor", "Node", "Delegate", "DelegateParams"):
        lines.append(f'static_assert(sizeof(tfl::{ours}) == sizeof({STRUCTURES[ours][0]}), "size of {ours}");')
    # passed by value: never smaller than the runtime's
    lines.append('static_assert(sizeof(tfl::Registration) >= sizeof(TfLiteRegistration), "size of Registration");')
    source = tmp_path / "abi.cc"
    source.write_text("\n".join(lines) + "\n")
    command = [COMPILER, "-std=c++17", "-fsyntax-only", "-Wno-invalid-offsetof", f"-I{CHECKOUT}", str(source)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_layouts_and_values_are_the_runtimes(tmp_path):
    assert sum(map(len, fields().values())) > 70
    done = compiled(tmp_path, NATIVE / "tfl_abi.h")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("line", "changed", "named"),
    [
        ("  size_t bytes;\n", "  int bytes;\n  int more[3];\n", "Tensor.allocation"),
        ("  void* builtin_data;\n", "", "builtin_data"),
        ("  kMean = 40,", "  kMean = 41,", "kMean"),
    ],
)
def test_a_difference_is_named(line, changed, named, tmp_path):
    text = (NATIVE / "tfl_abi.h").read_text()
    assert line in text
    other = text.replace(line, changed)
    (tmp_path / "tfl_abi.h").write_text("\n".join(row for row in other.splitlines() if "static_assert(" not in row))
    done = compiled(tmp_path, tmp_path / "tfl_abi.h")
    assert done.returncode != 0
    assert named in done.stderr
