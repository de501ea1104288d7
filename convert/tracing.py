"""From a Keras model to LCE's flatbuffer, by way of a SavedModel that holds the inference alone.

LCE's own `convert_keras_model` saves the whole Keras model, which takes twice as long, and hides the reason where that
fails; it is asked where this way does not lead to an end.
"""

import keyword
import tempfile
import warnings
from typing import Any

from larq_el._keras import Model, Tensor, keras, tf
from larq_el.errors import UserError
from larq_el.introspection import leaf_layers
from larq_el.models.causes import NativeMessages, cause, native_messages
from larq_el.tflite.packing import pack, unpack

ASSIGNMENTS = frozenset({"AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp"})
"""Operators of TensorFlow that change a weight."""


def run_converter(model: Model) -> bytes:
    """Converts a model.

    # Arguments
        model: a `tf.keras.Model` of float32 with fixed sizes; a free batch becomes 1 in the flatbuffer.

    # Raises
        ValueError: where LCE cannot convert it; the message has the reason.
    """
    _check_stateless(model)
    try:
        return _renamed(_converted(model, free_batch=True), model)
    except _ConverterError as error:
        for again in _others(model, str(error)):
            try:
                return again()
            except _ConverterError:
                continue
        raise UserError(f"the Larq Compute Engine cannot convert {model.name!r}: {error}.") from error


class _ConverterError(Exception):
    """LCE's converter failed; the message is why."""


def _others(model: Model, reason: str) -> list[Any]:
    """Other ways: loops want a batch of a known size, and branches over weights what LCE does with the whole model."""
    ways = []
    if any(tensor.shape[0] is None for tensor in model.inputs):
        ways.append(lambda: _renamed(_converted(model, free_batch=False), model))
    return [*ways, lambda: _by_itself(model)] if "immutable" in reason else ways


def _check_stateless(model: Model) -> None:
    for layer in leaf_layers(model):
        if getattr(layer, "stateful", False) and isinstance(layer, keras.layers.RNN):
            raise UserError(
                f"layer {layer.name!r} ({type(layer).__name__}) is stateful, and its state would go from one sample to "
                "the next in a flatbuffer; build it with stateful=False and the same weights."
            )


def _converted(model: Model, *, free_batch: bool) -> bytes:
    from larq_el.tflite.lce import lce

    with tempfile.TemporaryDirectory() as folder:
        messages = NativeMessages()
        try:
            _save_inference(model, folder, free_batch)
            with native_messages() as messages:
                return lce.convert_saved_model(folder)
        except UserError:
            raise
        except Exception as error:  # the converter raises whatever TensorFlow and MLIR raise
            raise _ConverterError(cause(error, messages.text)) from error


def _by_itself(model: Model) -> bytes:
    from larq_el.tflite.lce import lce

    messages = NativeMessages()
    try:
        with native_messages() as messages, warnings.catch_warnings():
            # it warns that it tries what was tried here, and then goes on to its other way
            warnings.simplefilter("ignore")
            return lce.convert_keras_model(model)
    except Exception as error:  # as above
        raise _ConverterError(cause(error, messages.text)) from error


def _save_inference(model: Model, folder: str, free_batch: bool) -> None:
    def shape(tensor: Tensor) -> list[int | None]:
        batch, *sizes = tensor.shape
        return [batch if free_batch else batch or 1, *sizes]

    inputs = [
        tf.TensorSpec(shape(tensor), tensor.dtype, name=name)
        for tensor, name in zip(model.inputs, _arguments(model), strict=True)
    ]

    @tf.function(input_signature=inputs, autograph=False)
    def serve(*tensors: Any) -> Any:
        return model(tf.nest.pack_sequence_as(model.input, tensors), training=False)

    traced = serve.get_concrete_function()
    _check_constant(model, traced.graph)
    module = tf.Module()
    module.weights = model.weights
    # tracing the gradients of each sign takes a time that grows with the square of the network
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, folder, signatures=traced, options=options)


def _check_constant(model: Model, graph: Any) -> None:
    """Refuses a model that changes its own weights, by the name of the layer that does."""
    for operation in graph.get_operations():
        if operation.type in ASSIGNMENTS:
            scopes = operation.name.split("/")
            layer = next((one for one in leaf_layers(model) if one.name in scopes), None)
            name = f"layer {layer.name!r} ({type(layer).__name__})" if layer is not None else operation.name
            raise UserError(
                f"{name} of {model.name!r} changes its weights at inference, and a flatbuffer's are constants; call it "
                "with training=False, or keep what it counts outside."
            )


def _arguments(model: Model) -> list[str]:
    """Names of the inputs that TensorFlow takes for arguments; Keras and TFLite take any."""
    own = [tensor.name.split(":")[0] for tensor in model.inputs]
    if all(name.isidentifier() and name.isascii() and not keyword.iskeyword(name) for name in own):
        return own
    return [f"input_of_larq_el_{at}" for at in range(len(own))]


def _renamed(content: bytes, model: Model) -> bytes:
    """Gives the flatbuffer's inputs the names that they have in Keras."""
    names = dict(zip(_arguments(model), (tensor.name.split(":")[0] for tensor in model.inputs), strict=True))
    names = {argument: name for argument, name in names.items() if argument != name}
    if not names:
        return content
    flatbuffer = unpack(content)
    for signature in flatbuffer.signatureDefs or []:
        for port in signature.inputs or []:
            if (name := names.get(port.name.decode())) is not None:
                port.name = name.encode()
                flatbuffer.subgraphs[signature.subgraphIndex].tensors[port.tensorIndex].name = name.encode()
    return pack(flatbuffer)
