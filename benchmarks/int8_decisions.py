"""Decisions of a trained network with its int8 convolutions in the delegate and in the stock runtime.

    python benchmarks/int8_decisions.py MODEL.keras [--dataset cifar10] [--data-dir DIR] [--output benchmarks/results]

The network is converted with int8 and int8-static rest; each file runs on all test images with the delegate's int8
convolutions where they pay off ("on"), everywhere ("always") and nowhere ("off", which leaves them to the stock
runtime). The table counts the images whose decision differs from "off", and gives the accuracy.
"""

import argparse
from pathlib import Path

import numpy as np

from larq_el.benchmark.environment import cpu_slug, described
from larq_el.convert import convert, load_model
from larq_el.convert.quantization.names import STATIC
from larq_el.data.image_size import image_size_of
from larq_el.files import write_atomically
from larq_el.runtime import load_delegate
from larq_el.runtime.interpreter import stock_interpreter
from larq_el.training import load_dataset

WAYS = ("off", "on", "always")


def decisions(flatbuffer: bytes, images: np.ndarray, way: str) -> np.ndarray:
    """The class of each image, with the delegate's option `int8`."""
    interpreter = stock_interpreter(flatbuffer, delegate=load_delegate(int8=way))
    image, output = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    found = []
    for one in images:
        interpreter.set_tensor(image, one[np.newaxis])
        interpreter.invoke()
        found.append(int(interpreter.get_tensor(output).argmax()))
    return np.array(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--dataset", default="cifar10", help="[cifar10]")
    parser.add_argument("--data-dir", help="where TensorFlow Datasets keeps its data")
    parser.add_argument("--output", type=Path, help="folder for the table [it is printed only]")
    args = parser.parse_args()
    model = load_model(args.model)
    images, labels = load_dataset(args.dataset, args.data_dir).samples(None, image_size_of(model))
    header = described(1)
    lines = [f"# int8 convolutions in the delegate: decisions of {model.name} on {args.dataset}", "", header, ""]
    lines += [f"{len(images)} test images.", "", "| rest | int8 convolutions | accuracy | decisions that differ |"]
    lines.append("|---" * 4 + "|")
    for rest in ("int8", STATIC):
        flatbuffer = convert(model, float_ops=rest, samples=images[:500] if rest == STATIC else None).flatbuffer
        found = {way: decisions(flatbuffer, images, way) for way in WAYS}
        for way, classes in found.items():
            differ = np.count_nonzero(classes != found["off"])
            lines.append(f"| {rest} | {way} | {np.mean(classes == labels):.2%} | {differ} |")
    print("\n".join(lines))
    if args.output is not None:
        name = f"int8-decisions-{model.name}-{args.dataset}-{cpu_slug()}.md"
        write_atomically(args.output / name, ("\n".join(lines) + "\n").encode())


if __name__ == "__main__":
    main()
