"""Every model of the zoo in the native runtime: each layer computes what it computes in Keras.

    python tests/runtime/zoo_natively.py [--only 'el_*'] [--float-ops int8 ...] [--width 0.125]

A conversion proves each layer against Keras on equal inputs, in each runtime that can run the file; this wants the
native one among them, for every model and every kind of float rest, and no convolution lost or faulty. Exit 1 where one
differs.
"""

import argparse
import sys

import numpy as np

from larq_el import zoo
from larq_el._keras import keras
from larq_el.convert import convert
from larq_el.convert.quantization.names import FLOAT_OPS, STATIC
from larq_el.errors import UserError, first_line
from larq_el.introspection import has_binary_kernel, leaf_layers
from larq_el.tflite.runtimes import OWN


def fault_of(model: keras.Model, float_ops: str, images: np.ndarray) -> str:
    """What is wrong with a model in the native runtime; "" where nothing is."""
    try:
        report = convert(model, float_ops=float_ops, samples=images if float_ops == STATIC else None).report
    except UserError as error:
        return first_line(error)
    if report.lost or report.faulty:
        return f"{len(report.lost)} convolutions are lost, {len(report.faulty)} faulty"
    is_binary = any(has_binary_kernel(layer) for layer in leaf_layers(model))
    if is_binary and OWN not in report.proof.runtimes:
        return f"it was proven in {', '.join(report.proof.runtimes)} alone"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="*", help="shell pattern of names [all models]")
    parser.add_argument("--float-ops", action="append", choices=FLOAT_OPS, help="may be given several times [all]")
    parser.add_argument("--width", type=float, default=0.125, help="multiplier of the channels [0.125]")
    args = parser.parse_args()
    images = np.random.default_rng(0).normal(size=(16, 48, 48, 3)).astype(np.float32)
    names, rests, wrong = zoo.list_models(args.only), args.float_ops or FLOAT_OPS, 0
    for name in names:
        keras.backend.clear_session()
        keras.utils.set_random_seed(0)
        model = zoo.create_model(name, input_shape=(48, 48, 3), classes=10, width=args.width)
        # BatchNorm as after training: with its initial statistics hidden values reach any size
        model(images, training=True)
        for rest in rests:
            if fault := fault_of(model, rest, images):
                wrong += 1
                print(f"{name}, {rest}: {fault}", flush=True)
    print(f"{len(names) * len(rests) - wrong} of {len(names) * len(rests)} files compute what Keras computes.")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
