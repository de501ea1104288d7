"""Classifies an image on a device that has numpy, ai-edge-litert and larq_el, and no TensorFlow.

    python examples/classify.py MODEL.tflite IMAGE --labels labels.txt --top 5

IMAGE is a .npy array (H, W, 3) of uint8 or a binary .ppm; with Pillow installed, whatever Pillow reads. It is resized,
cropped and shifted as the models' test images were in training; labels.txt has the name of a class in each line.
"""

import argparse
import re
import sys
from pathlib import Path

import numpy as np

from larq_el.errors import UserError
from larq_el.runtime import Interpreter

MEAN = (123.675, 116.28, 103.53)
"""ImageNet's mean of red, green and blue, which the models of the zoo want subtracted."""
CROP_RATIO = 224 / 256
"""The crop's edge over the shorter edge of the resized image."""
SMALL = 64
"""Pixels: below this input size an image is resized to the input as a whole."""


def read_image(path: Path) -> np.ndarray:
    """The image in a file, (H, W, 3), RGB from 0 to 255.

    # Raises
        ValueError: where the file cannot be read, or is no such image.
    """
    try:
        if path.suffix == ".npy":
            image = np.load(path, allow_pickle=False)
        elif path.suffix == ".ppm":
            image = _read_ppm(path.read_bytes())
        else:
            image = _read_with_pillow(path)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the image {str(path)!r}: {error}.") from error
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise UserError(f"{str(path)!r} must hold uint8 of shape (H, W, 3), got {image.dtype} of {image.shape}.")
    return image


def _read_ppm(content: bytes) -> np.ndarray:
    """P6, width, height and 255, between which there may be comments; one white space; the pixels."""
    gap = rb"(?:\s|#[^\n]*\n)+"
    header = re.match(rb"P6" + gap + rb"(\d+)" + gap + rb"(\d+)" + gap + rb"255\s", content)
    if header is None:
        raise ValueError("it does not begin like a binary PPM of 8 bits")
    width, height = int(header[1]), int(header[2])
    pixels = np.frombuffer(content, np.uint8, offset=header.end())
    if pixels.size < 3 * width * height:
        raise ValueError(f"{3 * width * height} bytes of pixels should follow its header, not {pixels.size}")
    return pixels[: 3 * width * height].reshape(height, width, 3)


def _read_with_pillow(path: Path) -> np.ndarray:
    try:
        from PIL import Image
    except ImportError as error:
        raise ValueError("without Pillow only .npy and .ppm are read; install it, or convert the image") from error
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def resizing(size: int, wanted: int) -> np.ndarray:
    """The matrix (wanted, size) that resizes a line of pixels: bilinear, and a wider triangle where it shrinks it."""
    scale = max(size / wanted, 1.0)
    centres = (np.arange(wanted) + 0.5) * (size / wanted)
    distances = np.abs(np.arange(size) + 0.5 - centres[:, None]) / scale
    weights = np.maximum(1.0 - distances, 0.0)
    return weights / weights.sum(axis=1, keepdims=True)


def central(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The centre of an image, resized so that a crop of `size` takes 224/256 of its shorter edge.

    # Returns
        float32 of shape `(*size, 3)`, 0 to 255.
    """
    resized: tuple[int, ...] = size
    if min(size) >= SMALL:
        scale = max(size) / CROP_RATIO / min(image.shape[:2])
        resized = tuple(max(int(np.round(n * scale)), least) for n, least in zip(image.shape[:2], size, strict=True))
    starts = [(n - least) // 2 for n, least in zip(resized, size, strict=True)]
    rows, columns = (
        resizing(n, wanted)[start : start + least]
        for n, wanted, start, least in zip(image.shape[:2], resized, starts, size, strict=True)
    )
    lines = np.tensordot(rows, image.astype(np.float64), axes=1)
    return np.matmul(columns, lines).astype(np.float32)


def read_labels(path: Path | None, classes: int) -> list[str]:
    """The names of the classes, or their numbers where there is no file.

    # Raises
        ValueError: where the file cannot be read, or names another number of classes.
    """
    if path is None:
        return [f"class {i}" for i in range(classes)]
    try:
        labels = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(f"cannot read the labels {str(path)!r}: {error.strerror}.") from error
    if len(labels) != classes:
        raise UserError(f"{str(path)!r} names {len(labels)} classes, and the model has {classes}.")
    return labels


def classify(model: Path, image: Path, labels: Path | None, *, top: int, num_threads: int) -> list[tuple[str, float]]:
    """The most likely classes and what the model gives them, best first.

    # Raises
        ValueError: where a file cannot be read, or the model classifies no images.
    """
    interpreter = Interpreter(model, num_threads=num_threads)
    shape = interpreter.input_shape
    if len(shape) != 4 or shape[3] != 3:
        raise UserError(f"the model takes {shape}, not images (N, H, W, 3).")
    pixels: np.ndarray = central(read_image(image), shape[1:3]) - np.asarray(MEAN, np.float32)
    scores = interpreter.predict(pixels[None])
    if isinstance(scores, list) or scores.ndim != 2:
        raise UserError("the model must have one output, (N, classes).")
    names = read_labels(labels, scores.shape[1])
    return [(names[i], float(scores[0, i])) for i in np.argsort(-scores[0], kind="stable")[:top]]


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("image", type=Path)
    parser.add_argument("--labels", type=Path, help="names of the classes, one in each line")
    parser.add_argument("--top", type=int, default=5, help="how many classes to print")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    try:
        best = classify(options.model, options.image, options.labels, top=options.top, num_threads=options.threads)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    for name, score in best:
        print(f"{score:9.4f}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
