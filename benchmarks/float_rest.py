"""What fewer bits in the float rest of a trained model cost: accuracy on the whole test set, size.

    python benchmarks/float_rest.py runs/el_resnet26/model.keras --dataset cifar10 [--data-dir DIR] [--output FOLDER]

Keras and each `float_ops` by LCE's interpreter and by the native runtime. "lost" is the accuracy of float32 in the same
runtime minus that of the row, with its standard error, which comes from the images that one of the two alone gets
right. "int8-static" is calibrated on the first 500 images, which its own row leaves out.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from larq_el.benchmark import environment
from larq_el.convert import convert, load_model
from larq_el.convert.quantization.calibration import calibration_count
from larq_el.convert.quantization.names import FLOAT_OPS, STATIC
from larq_el.data.image_size import image_size_of
from larq_el.data.load import load_dataset
from larq_el.files import write_atomically
from larq_el.runtime import Interpreter
from larq_el.tflite.lce import interpreter


def classes_of(content: bytes, images: np.ndarray) -> dict[str, np.ndarray]:
    """The most likely class of each image, by runtime."""
    runtimes: dict[str, Any] = {
        "LCE": interpreter(content, indirect=True, xnnpack=True),
        "native": Interpreter(content),
    }
    return {name: np.asarray(runtime.predict(images)).argmax(axis=-1) for name, runtime in runtimes.items()}


def row(float_ops: str, runtime: str, size: int, right: np.ndarray, before: np.ndarray, same: np.ndarray) -> str:
    skipped = calibration_count(len(right)) if float_ops == STATIC else 0
    right, before, same = right[skipped:], before[skipped:], same[skipped:]
    lost = 100 * (before.astype(float) - right)
    points = f"{lost.mean():.2f} ± {lost.std() / np.sqrt(len(lost)):.2f}"
    cells = [float_ops, runtime, f"{size / 1e6:.2f}", f"{len(right):,}", f"{right.mean():.2%}", points]
    return f"| {' | '.join(cells)} | {same.mean():.2%} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a trained .h5 or .keras file")
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--data-dir")
    parser.add_argument("--name", help="of the table and its file; the model's by default")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    model = load_model(args.model)
    images, labels = load_dataset(args.dataset, args.data_dir).samples(10**9, image_size_of(model))
    keras_classes = model.predict(images, batch_size=200, verbose=0).argmax(axis=-1)
    rows = [f"| Keras | TensorFlow |  | {len(labels):,} | {(keras_classes == labels).mean():.2%} |  |  |"]
    full: dict[str, np.ndarray] = {}
    for float_ops in FLOAT_OPS:
        # of these, the first half calibrates
        samples = images[: 2 * calibration_count(len(images))] if float_ops == STATIC else None
        conversion = convert(model, float_ops=float_ops, samples=samples)
        for runtime, classes in classes_of(conversion.flatbuffer, images).items():
            before = full.setdefault(runtime, classes)
            size = len(conversion.flatbuffer)
            rows.append(row(float_ops, runtime, size, classes == labels, before == labels, classes == before))
    where = environment(1)
    lines = [
        "# Fewer bits for the float rest\n",
        f"{args.name or model.name}, {model.count_params():,} parameters, the test images of {args.dataset}. "
        f"{where['cpu']}, {where['os']}; {where['packages']}.\n",
        "| float_ops | runtime | MB | images | top-1 | lost, points | same class as float32 |",
        "|---|---|---|---|---|---|---|",
        *rows,
    ]
    text = "\n".join(lines) + "\n"
    args.output.mkdir(parents=True, exist_ok=True)
    write_atomically(args.output / f"float-rest-{args.name or model.name}-{args.dataset}.md", text.encode())
    print(text)


if __name__ == "__main__":
    main()
