"""Models whose binary convolutions cover what the operators can be asked for, few conversions for many shapes."""

import numpy as np

from larq_el._keras import keras, lq

BINARY = {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip", "use_bias": False}


def conv(x, filters, kernel, *, norm=True, **arguments):
    """A binary convolution, and a BatchNorm that is not the identity."""
    arguments = {"input_quantizer": "ste_sign", **BINARY, **arguments}
    x = lq.layers.QuantConv2D(filters, kernel, **arguments)(x)
    return keras.layers.BatchNormalization()(x) if norm else x


def finish(inputs, outputs):
    """The model, with random statistics and parameters in its BatchNorms."""
    model = keras.Model(inputs, outputs)
    rng = np.random.default_rng(7)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = (rng.standard_normal(weight.shape) for weight in layer.get_weights())
            layer.set_weights([gamma, beta, 5 * mean, 20 * variance**2 + 1])
    return model


def geometries():
    """Kernel sizes, strides, paddings, dilation, activations and numbers of output channels."""
    x = keras.Input((9, 8, 64))
    one = {"padding": "same", "pad_values": 1}
    zero = {"padding": "same"}
    outputs = [
        conv(x, 33, 1),
        conv(x, 64, 1, strides=2),
        conv(x, 5, 3),
        conv(x, 70, 3, **zero),
        conv(x, 64, 3, **one),
        conv(x, 128, 3, strides=2, **zero),
        conv(x, 64, 3, strides=(1, 2), **one),
        conv(x, 40, 5, **zero),
        conv(x, 72, 5, strides=2, **one),
        conv(x, 32, 7, **zero),
        conv(x, 96, (1, 3), **zero),
        conv(x, 64, 3, dilation_rate=2),
        conv(x, 64, 3, dilation_rate=2, **zero),
        conv(x, 64, 3, activation="relu"),
        conv(x, 48, 3, activation="relu6", **one),
        conv(x, 64, 3, norm=False, **zero),
    ]
    return finish(x, outputs)


def odd_channels():
    """Input channels that do not fill their words."""
    x = keras.Input((6, 7, 50))
    y = keras.layers.Conv2D(17, 1)(x)
    outputs = [
        conv(x, 33, 3, padding="same"),
        conv(x, 64, 1),
        conv(x, 64, 3, padding="same", pad_values=1),
        conv(y, 64, 3),
        conv(y, 70, 3, padding="same", pad_values=1),
    ]
    return finish(x, outputs)


def odd_zero_padding():
    """17 input channels with zero padding: LCE's reference kernel refuses an odd number, its fast one does not."""
    x = keras.Input((6, 7, 17))
    return finish(x, conv(x, 40, 3, padding="same"))


def groups():
    """Grouped convolutions."""
    x = keras.Input((5, 6, 128))
    outputs = [
        conv(x, 80, 3, groups=2, padding="same"),
        conv(x, 64, 3, groups=4),
        conv(x, 256, 1, groups=2, padding="same", pad_values=1),
    ]
    return finish(x, outputs)


def bits():
    """Chains whose convolutions hand bits to each other, through maxima, and end as bits."""
    x = keras.Input((12, 11, 64))
    one = {"padding": "same", "pad_values": 1}
    y = conv(conv(conv(x, 70, 3, **one), 33, 3), 64, 1)
    z = conv(x, 64, 3, **one)
    small = conv(keras.layers.MaxPool2D(2)(z), 32, 3, **one)
    overlapping = conv(keras.layers.MaxPool2D(3, 2, padding="same")(conv(x, 80, 1)), 40, 3)
    signs = lq.quantizers.SteSign()(conv(y, 45, 3, **one))
    grouped = conv(conv(conv(x, 128, 1), 144, 3, groups=2), 32, 1)  # 72 channels a group: not whole words
    return finish(x, [y, small, overlapping, signs, grouped])


def residual():
    """A small network with shortcuts, from image to classes."""
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(32, 3, strides=2, padding="same")(image)
    x = keras.layers.add([conv(x, 32, 3, padding="same"), x])
    x = keras.layers.add([conv(x, 32, 3, padding="same", pad_values=1), x])
    shortcut = keras.layers.Conv2D(64, 1)(keras.layers.AveragePooling2D(2)(x))
    x = keras.layers.add([conv(x, 64, 3, strides=2, padding="same"), shortcut])
    x = keras.layers.GlobalAveragePooling2D()(x)
    return finish(image, keras.layers.Dense(10)(x))


def tiny_images():
    """Images smaller than the kernel."""
    x = keras.Input((2, 3, 64))
    return finish(x, [conv(x, 64, 5, padding="same"), conv(x, 40, 7, padding="same", strides=2)])


def fixed_batch():
    """A reshape with the batch size written into it."""
    x = keras.Input((4, 4, 32))
    y = keras.layers.Reshape((16, 32))(conv(x, 32, 3, padding="same"))
    return finish(x, keras.layers.Dense(3)(y))


def two_inputs():
    """More than the Interpreter takes."""
    inputs = [keras.Input((4, 4, 32)), keras.Input((4, 4, 32))]
    return finish(inputs, keras.layers.add([conv(x, 32, 3) for x in inputs]))
