"""What share of the signs is -1 at each binary input of EL-MobileNet before training, by where its ReLU stands.

python benchmarks/relu_placement.py [--width 1.0] [--input-size 224]
"""

import argparse

import numpy as np

from larq_el import zoo
from larq_el._keras import keras, lq

NAMES = {
    "el_mobilenet": "ReLU between convolution and BatchNorm",
    "el_relu_last_mobilenet": "ReLU between BatchNorm and link, none in the float parts",
}


def negative_shares(name: str, width: float, size: int) -> dict[str, float]:
    keras.utils.set_random_seed(0)
    model = zoo.create_model(name, input_shape=(size, size, 3), width=width, classes=10)
    binary = [
        layer for layer in model.layers if isinstance(layer, lq.layers.QuantConv2D | lq.layers.QuantDepthwiseConv2D)
    ]
    images = np.random.default_rng(0).normal(0, 60, (8, size, size, 3)).astype(np.float32)
    values = keras.Model(model.input, [layer.input for layer in binary])(images, training=True)
    return {layer.name: float(np.mean(value < 0)) for layer, value in zip(binary, values, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--input-size", type=int, default=224)
    arguments = parser.parse_args()
    for name, placement in NAMES.items():
        print(f"{name}: {placement}")
        for layer, share in negative_shares(name, arguments.width, arguments.input_size).items():
            print(f"  {layer.removesuffix('_conv'):20} {share:.2f}")


if __name__ == "__main__":
    main()
