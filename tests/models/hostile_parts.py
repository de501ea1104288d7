"""What a hostile Keras file names, and the places in which it can name it.

Each payload, if Keras resolves it, imports a module of the working directory, calls, unmarshals, writes or fetches.
`hostile_models.py` puts them together.
"""

import base64
import marshal

CANARY = "canary_module"
"""A module of the working directory, which nothing may import."""
WRITTEN = "canary.written"
"""A file that nothing may write."""
READ = "canary.txt"
"""A file that nothing may read."""
CODE = base64.b64encode(
    marshal.dumps(compile(f"lambda *a, **k: (open({WRITTEN!r}, 'w').close(), a[0])[1]", "x", "eval").co_consts[0])
).decode()
BYTECODE = [CODE, None, None]
FETCHED = {"fname": WRITTEN, "origin": "http://127.0.0.1:9/canary"}


def of(module, name, config=None, registered=None):
    """A class."""
    return {"module": module, "class_name": name, "config": config or {}, "registered_name": registered}


def function(module, name, registered="function"):
    """A function."""
    return {"module": module, "class_name": "function", "config": name, "registered_name": registered}


def old(name, /, **config):
    """A class or function, as in `.h5` files."""
    return {"class_name": name, "config": config}


def operator(symbol, kind="TFOpLambda"):
    return of("tf_keras.src.layers.core.tf_op_layer", kind, {"name": "op", "function": symbol}, kind)


def with_lambda(**more):
    config = {"name": "code", "function": BYTECODE, "function_type": "lambda", "module": None, "arguments": {}}
    raw = {"output_shape": None, "output_shape_type": "raw", "output_shape_module": None}
    return of("keras.layers", "Lambda", {**config, **raw, **more})


LAMBDA = {"class_name": "__lambda__", "config": {"value": BYTECODE}}
NAMED = {"function": function("os", "system"), "function_type": "function"}
DESERIALIZE = {"config": LAMBDA, "safe_mode": False}
RESIDUAL = {
    "cell": old("LSTMCell", units=2),
    "residual_function": BYTECODE,
    "residual_function_type": "lambda",
    "residual_function_module": None,
}

FUNCTIONS = [
    ("os", "system"),
    ("posix", "system"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("builtins", "__import__"),
    ("builtins", "open"),
    ("subprocess", "check_output"),
    ("importlib", "import_module"),
    ("marshal", "loads"),
    ("pickle", "loads"),
    (CANARY, "run"),
    ("tf_larq.activations", "leaky_tanh"),
    ("tf_builtins", "relu"),
    ("keras.utils", "get_file"),
    ("keras.models", "load_model"),
    ("keras.saving", "deserialize_keras_object"),
    ("keras.config", "enable_unsafe_deserialization"),
    ("tf_keras.src.utils.generic_utils", "func_load"),
    ("keras.src.utils.data_utils", "urlretrieve"),
    ("tensorflow", "py_function"),
    ("tensorflow.io", "write_file"),
    ("larq_el.models.custom_objects", "_import"),
    ("larq_el.models.custom_objects", "import_custom_objects"),
    ("larq_el.zoo", "create_model"),
    ("larq.utils", "set_precision"),
]
REGISTERED = [None, "function", "relu", "SteSign", "larq_el>ElasticLink", "Custom>Adam"]
CLASSES = [
    of(CANARY, "Canary"),
    of(CANARY, "Canary", registered="SteSign"),
    of(CANARY, "Dense", {"units": 2}, "Dense"),
    of("subprocess", "Popen", {"args": ["touch", WRITTEN]}),
    of("subprocess", "Popen", {"args": ["touch", WRITTEN]}, "WeightClip"),
    of("pathlib", "Path"),
    # names that are nearly those of a package
    of("tf_larq.quantizers", "SteSign", registered="Other>SteSign"),
    of("tf_larq_el.layers.elastic_link", "ElasticLink", registered="Other>ElasticLink"),
    of("keras_canary", "Dense"),
    of("larq.canary_module", "SteSign", registered="Other>SteSign"),
    of("tf_tf_keras.layers", "Dense"),
    of("tf_keras.src.layers", "Lambda"),
    of("tf_keras.src.models.sharpness_aware_minimization", "SharpnessAwareMinimization", {"model": {}}),
    of("keras.optimizers", "Adam", registered="Custom>Adam"),
    of("keras.experimental", "LinearModel"),
    of("keras.layers", "DenseFeatures", {"feature_columns": []}),
    of("keras.layers.experimental", "DynamicLookup", {"vocabulary_size": 2, "initial_vocabulary": READ}),
    of("keras.layers", "StringLookup", {"name": "s", "vocabulary": READ}),
    of("keras.layers", "StringLookup", {"name": "s", "vocabulary": "http://127.0.0.1:9/canary"}),
    of("keras.layers", "IntegerLookup", {"name": "i", "vocabulary": READ}),
    of("keras.layers", "TextVectorization", {"name": "t", "vocabulary": READ, "standardize": None, "split": None}),
    of("keras.layers", "TextVectorization", {"name": "t", "standardize": function("os", "system"), "split": LAMBDA}),
    of("tf_keras.src.layers.rnn.cell_wrappers", "ResidualWrapper", RESIDUAL, "ResidualWrapper"),
    of("tf_keras.src.layers.core.tf_op_layer", "ClassMethod", {"cls_symbol": "io.gfile.GFile", "method_name": "x"}),
    of("tf_keras.src.layers.core.tf_op_layer", "InstanceMethod", {"attr_name": "__reduce__"}, "InstanceMethod"),
    of("tf_keras.src.layers.core.tf_op_layer", "InstanceProperty", {"attr_name": "__class__"}, "InstanceProperty"),
    with_lambda(),
    with_lambda(**NAMED, arguments={"command": f"touch {WRITTEN}"}),
    with_lambda(**NAMED, mask=BYTECODE, mask_type="lambda", mask_module=None),
    with_lambda(**NAMED, output_shape=BYTECODE, output_shape_type="lambda"),
    {**with_lambda(), "module": CANARY},
    {**with_lambda(), "registered_name": "SteSign"},
]
OPERATORS = [
    "io.write_file",
    "io.read_file",
    "io.gfile.GFile",
    "py_function",
    "numpy_function",
    "print",
    "saved_model.load",
    "load_op_library",
    "raw_ops.WriteFile",
    "raw_ops.PyFunc",
    "compat.v1.py_func",
    "keras.utils.get_file",
    "keras.models.load_model",
    "keras.backend.eval",
    "data.Dataset.from_generator",
    "map_fn",
    "summary.create_file_writer",
    "debugging.experimental.enable_dump_debug_info",
]
OLD = [
    old("Lambda", function=BYTECODE, function_type="lambda", output_shape_type="raw", output_shape=None),
    old("deserialize_keras_object", **DESERIALIZE),
    old("deserialize", **DESERIALIZE),
    old("get", identifier=LAMBDA),
    old("get_file", **FETCHED),
    old("generic_utils"),
    old("tf"),
    old("warnings"),
    old("Input", shape=[1]),
    old("add", inputs=[]),
    old("InputSpec"),
    old("DenseFeatures", feature_columns=[]),
    old("LinearModel"),
    old("WideDeepModel", linear_model=LAMBDA, dnn_model=LAMBDA),
    old("os>system"),
    old("Custom>Adam"),
    old("__lambda__", value=BYTECODE),
]
VALUES = [
    LAMBDA,
    {"class_name": "__typespec__", "spec_name": "Canary", "module": CANARY, "config": [], "registered_name": None},
    {"class_name": "__typespec__", "spec_name": "Popen", "module": "subprocess", "config": [], "registered_name": None},
    {"class_name": "TypeSpec", "type_spec": CANARY, "serialized": []},
    {"class_name": "CompositeTensor", "spec": {"class_name": "TypeSpec", "type_spec": "x"}, "tensors": []},
    {"class_name": "__tuple__", "items": ["_COMPOSITE_TYPE", '{"class_name": "TypeSpec", "type_spec": "x"}']},
    {"class_name": "__numpy__", "config": {"value": [0], "dtype": "S4000000000"}},
    {"class_name": "__tensor__", "config": {"value": [0], "dtype": "resource"}},
]
PAYLOADS = [
    *(function(module, name, registered) for module, name in FUNCTIONS for registered in REGISTERED),
    *CLASSES,
    *map(operator, OPERATORS),
    *OLD,
    *VALUES,
]

KINDS = ("activation", "kernel_initializer", "kernel_regularizer", "bias_constraint", "activity_regularizer", "dtype")
"""Arguments of the dense layer that may name something."""


def argument(layer, key):
    return lambda layers, payload: layers[layer]["config"].update({key: payload})


def whole(layer):
    def put(layers, payload):
        kept = {key: layers[layer].get(key) for key in ("name", "inbound_nodes")}
        layers[layer].clear()
        layers[layer].update(payload if isinstance(payload, dict) else {"class_name": payload, "config": {}}, **kept)
        if isinstance(layers[layer].get("config"), dict):
            layers[layer]["config"].setdefault("name", layer)

    return put


def node(layers, payload):
    """A call on a constant."""
    layers["dense"]["inbound_nodes"] = [[["_CONSTANT_VALUE", -1, payload, {}]]]


def of_node(layers, payload):
    """An argument of a call."""
    layers["plus"]["inbound_nodes"][0][3]["y"] = payload


def of_initializer(layers, payload):
    layers["dense"]["config"]["kernel_initializer"]["config"]["seed"] = payload


PLACES = {
    **{f"dense: {key}": argument("dense", key) for key in KINDS},
    **{f"binary: {key}": argument("binary", key) for key in ("input_quantizer", "kernel_quantizer", "bias_constraint")},
    "a layer": whole("dense"),
    "a layer in front": whole("plus"),
    "an operator's function": argument("plus", "function"),
    "an embedding's size": argument("dense", "units"),
    "a constant": node,
    "an argument of a call": of_node,
    "an inner layer": argument("each", "layer"),
    "both directions": argument("both", "layer"),
    "the way back": argument("both", "backward_layer"),
    "a cell": argument("recurrent", "cell"),
    "a stacked cell": lambda layers, payload: layers["recurrent"]["config"]["cell"]["config"]["cells"].append(payload),
    "a model inside": lambda layers, payload: layers["inside"]["config"]["layers"].append(payload),
    "an initializer's argument": lambda layers, payload: layers["dense"]["config"]["kernel_initializer"][
        "config"
    ].update(seed=payload),
    "an argument of no name": argument("dense", "arguments"),
    "a mask": argument("dense", "mask"),
    "how it was built": lambda layers, payload: layers["dense"].update(build_config={"input_shape": payload}),
    "a layer's training": lambda layers, payload: layers["dense"].update(compile_config=payload),
    "training inside": lambda layers, payload: layers["inside"].update(compile_config={"loss": payload}),
}
