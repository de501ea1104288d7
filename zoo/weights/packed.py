"""Compact weights: one `.npz` file that holds a bit for each weight of a binary kernel.

The file is a zip of numpy arrays, which `numpy.load` reads too:

    header                   JSON in UTF-8 bytes: format, version, and the name of the model
    <layer>/<weight>         a weight
    <layer>/<weight>.bits    in place of a binary kernel: `numpy.packbits` of whether each quantized weight is above 0
    <layer>/<weight>.scale   where these are not -1 and 1: the magnitude in each channel, which is the last axis

The layers of a model inside the model are `<model>/<layer>`.
"""

import io
import json
import math
import os
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from larq_el._keras import Layer, Model, keras, tf
from larq_el.errors import UserError, first_line
from larq_el.files import check_output, write_atomically
from larq_el.introspection import is_binary
from larq_el.zoo.weights.archive import FORMAT, HEADER, VERSION, read_array, read_header

BITS, SCALE = ".bits", ".scale"
CLASSIFIER = "logits/"
"""A model without its top takes the features of a file that has a classifier too."""

_BROKEN_ZIP = (
    *(OSError, EOFError, ValueError, KeyError, NotImplementedError, RuntimeError, OverflowError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)


@dataclass(frozen=True)
class PackedReport:
    """What `save_weights` wrote.

    # Attributes
        path: of the file.
        size: of the file in bytes.
        bit_kernels: number of binary kernels that are stored as bits.
        float_kernels: names of the binary kernels that are stored as float32.
    """

    path: Path
    size: int
    bit_kernels: int
    float_kernels: tuple[str, ...]


@dataclass(frozen=True)
class _Weight:
    """A variable of a model, and how its layer quantizes it; quantizer is None where it is not to two values."""

    variable: Any
    quantizer: Any
    compute_dtype: str

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.variable.shape)

    @property
    def dtype(self) -> np.dtype:
        # the dtypes that numpy itself does not know (bfloat16) cannot be written
        dtype = np.dtype(self.variable.dtype.as_numpy_dtype)
        return np.dtype(np.float32) if dtype.kind == "V" else dtype

    def quantize(self, value: np.ndarray) -> np.ndarray:
        """What the layer computes with where the variable has this value."""
        return self.quantizer(tf.cast(value, self.compute_dtype)).numpy()


def save_weights(
    model: Model, path: str | os.PathLike[str], *, keep_latent: bool = False, overwrite: bool = False
) -> PackedReport:
    """Writes the weights of a model, with binary kernels as bits: what is needed to run it.

    `load_weights` gives the model's very outputs back. A kernel whose quantized values cannot be told by signs and a
    magnitude for each channel is stored as float32.

    # Arguments
        model: a `tf.keras.Model`.
        path: of the file, which ends in `.npz`.
        keep_latent: whether to store binary kernels as the float32 numbers behind their signs, from which training goes
            on; the file is as large as one of Keras then.
        overwrite: whether to replace a file that exists.

    # Returns
        The size of the file, and which binary kernels are not stored as bits.

    # Raises
        ValueError: where the file exists or cannot be written, or the model has no weights yet.

    >>> import tempfile
    >>> from larq_el import zoo
    >>> model = zoo.ELResNet18(input_shape=(32, 32, 3), width=0.25, classes=10)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = save_weights(model, f"{folder}/weights.npz")
    >>> report.bit_kernels, report.float_kernels, 4 * model.count_params() > 10 * report.size
    (16, (), True)
    """
    path = check_output(path, overwrite=overwrite)
    if path.suffix != ".npz":
        raise UserError(f"the file of packed weights must end in '.npz', got {str(path)!r}; give another name.")
    weights = _weights(model)
    arrays = {HEADER: _header(model)}
    float_kernels = []
    for key, weight in weights.items():
        value = np.asarray(weight.variable.numpy(), weight.dtype, order="C")
        packed = None if keep_latent or weight.quantizer is None else _pack(weight, value)
        arrays |= {key: value} if packed is None else {key + suffix: array for suffix, array in packed.items()}
        if packed is None and weight.quantizer is not None:
            float_kernels.append(key)
    size = _write(path, arrays)
    return PackedReport(path, size, sum(key.endswith(BITS) for key in arrays), tuple(float_kernels))


def _write(path: Path, arrays: dict[str, np.ndarray]) -> int:
    """Writes the file; returns its size in bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    try:
        write_atomically(path, buffer.getvalue())
    except OSError as error:
        raise UserError(f"cannot write {str(path)!r} ({first_line(error)}); give another folder.") from error
    return len(buffer.getvalue())


def load_packed(model: Model, path: str | os.PathLike[str]) -> None:
    """Loads a file of `save_weights` into a model of the same topology.

    The latent weights of kernels that are stored as bits become numbers that are quantized to the same values; training
    cannot go on from them.

    # Arguments
        model: a `tf.keras.Model`.
        path: of the file.

    # Raises
        ValueError: where the file does not hold this model's weights. The model is then left as it was.
    """
    path = os.fspath(path)
    weights = _weights(model)
    try:
        with zipfile.ZipFile(path) as archive:
            saved_from = read_header(archive, path)
            _check_names(
                archive, weights, f"{path!r}, saved from {saved_from!r}, does not hold the weights of {model.name!r}"
            )
            values = {key: _read_weight(archive, key, weight) for key, weight in weights.items()}
    except UserError:
        raise
    except _BROKEN_ZIP as error:
        raise UserError(
            f"{path!r} does not hold the weights of {model.name!r}: {first_line(error).rstrip('.')}; give a whole file "
            "that save_weights wrote from the same model."
        ) from error
    keras.backend.batch_set_value([(weights[key].variable, value) for key, value in values.items()])


def _weights(model: Model) -> dict[str, _Weight]:
    """The weights of a model and of those inside it, by names that do not depend on their order."""
    if not isinstance(model, keras.Model) or not model.built:
        raise UserError(f"model must be a Keras model that has been built, got {model!r}; call it on an image first.")
    found: dict[str, _Weight] = {}
    _collect(model, "", found)
    return found


def _collect(model: Model, prefix: str, found: dict[str, _Weight]) -> None:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            _collect(layer, f"{prefix}{layer.name}/", found)
        else:
            _add(layer, f"{prefix}{layer.name}/", found)
    # those of a subclassed model that are in none of its layers
    _add(model, f"{prefix}model/", found)


def _add(layer: Layer, prefix: str, found: dict[str, _Weight]) -> None:
    known = {id(weight.variable) for weight in found.values()}
    for variable in layer.weights:
        if id(variable) in known:
            continue
        key = name = prefix + variable.name.split("/")[-1].removesuffix(":0")
        count = 1
        while key in found:  # a layer made of others may have several kernels
            count += 1
            key = f"{name}_{count}"
        quantizer = getattr(variable, "quantizer", None)
        found[key] = _Weight(variable, quantizer if is_binary(quantizer) else None, layer.compute_dtype)


def _header(model: Model) -> np.ndarray:
    text = json.dumps({"format": FORMAT, "version": VERSION, "model": model.name})
    return np.frombuffer(text.encode(), np.uint8)


def _pack(weight: _Weight, value: np.ndarray) -> dict[str, np.ndarray] | None:
    """The signs of a quantized kernel, with its channels' magnitudes where they are not 1.

    None where the quantizer does not give the same kernel from them, to the bit.
    """
    if value.dtype != np.float32 or not value.size:
        return None
    quantized = weight.quantize(value)
    positive = quantized > 0
    bits = np.packbits(positive)
    if _same(weight.quantize(_latent(positive, None)), quantized):
        return {BITS: bits}
    scale = np.abs(quantized.reshape(-1, quantized.shape[-1])[0]).astype(np.float32)
    if _same(weight.quantize(_latent(positive, scale)), quantized):
        return {BITS: bits, SCALE: scale}
    return None


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether the bits are equal: those of 0.0 and -0.0 are not."""
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def _latent(positive: np.ndarray, scale: np.ndarray | None) -> np.ndarray:
    """A kernel of the given signs, whose mean magnitude in each channel is `scale`."""
    magnitude = np.float32(1) if scale is None else _magnitudes(scale, math.prod(positive.shape[:-1]))
    if scale is not None:
        magnitude = magnitude.reshape(positive.shape)
    return np.where(positive, magnitude, -magnitude)


def _magnitudes(scale: np.ndarray, count: int) -> np.ndarray:
    """`count` float32 numbers for each channel, (count, channels), whose float32 mean is `scale` to the last bit.

    The mean of `count` times the scale itself may be another number, and not the same one on every machine: sums are
    rounded, and machines sum in different orders. No partial sum is rounded where all numbers are whole multiples of
    the last place of their total, so these are: the total is dealt out in such units as evenly as it goes.
    """
    with np.errstate(all="ignore"):  # of a channel of zeros, or of infinities, which are found out by quantizing
        total = scale * np.float32(count)
        down, up = np.nextafter(total, np.float32(0)), np.nextafter(total, np.float32(np.inf))
        candidates = np.stack(
            [total, down, up, np.nextafter(down, np.float32(0)), np.nextafter(up, np.float32(np.inf))]
        )
        exact = candidates / np.float32(count) == scale
        total = np.take_along_axis(candidates, exact.argmax(axis=0)[None], axis=0)[0]
        unit = np.spacing(total)
        each, left_over = np.divmod(total / unit, np.float32(count))
        dealt = each + (np.arange(count)[:, None] < left_over)
        return (dealt * unit).astype(np.float32)


def _check_names(archive: zipfile.ZipFile, weights: dict[str, _Weight], problem: str) -> None:
    stored = {name.removesuffix(".npy") for name in archive.namelist()} - {HEADER}
    without = {name.removesuffix(BITS).removesuffix(SCALE) for name in stored}
    remedy = "build the model by the name and the options that the file was saved from"
    missing = [key for key in weights if key not in without]
    if missing:
        raise UserError(f"{problem}: there is no {missing[0]!r} ({len(missing)} are missing); {remedy}.")
    extra = sorted(without - weights.keys())
    if not any(key.startswith(CLASSIFIER) for key in weights):
        extra = [key for key in extra if not key.startswith(CLASSIFIER)]
    if extra:
        raise UserError(f"{problem}: the model has no {extra[0]!r} ({len(extra)} are too many); {remedy}.")


def _read_weight(archive: zipfile.ZipFile, key: str, weight: _Weight) -> np.ndarray:
    stored = set(archive.namelist())
    if f"{key}{BITS}.npy" not in stored:
        return read_array(archive, key, weight.shape, weight.dtype)
    if weight.quantizer is None:
        raise ValueError(f"{key!r} is stored as bits, and the model does not quantize it to two values")
    count = math.prod(weight.shape)
    bits = read_array(archive, key + BITS, ((count + 7) // 8,), np.dtype(np.uint8))
    positive = np.unpackbits(bits, count=count).astype(bool).reshape(weight.shape)
    scale = None
    if f"{key}{SCALE}.npy" in stored:
        scale = read_array(archive, key + SCALE, weight.shape[-1:], np.dtype(np.float32))
    latent = _latent(positive, scale)
    # nearly: TensorFlow's mean may be off by a last place on another machine than the file was saved on
    quantized = weight.quantizer(latent).numpy()
    if ((quantized > 0) != positive).any() or (scale is not None and not np.allclose(abs(quantized), scale, 1e-5, 0)):
        raise ValueError(f"{key!r} was quantized to other values than the model's quantizer gives")
    return latent
