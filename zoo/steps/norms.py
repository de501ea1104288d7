"""BatchNorms, and the max-pool of a stem."""

from larq_el._keras import Tensor, keras
from larq_el.zoo.steps.site import Site, step


def batch_norm(x: Tensor, name: str) -> Tensor:
    """BatchNorm with the momentum that Larq's zoo uses: short trainings need statistics that keep up."""
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)


@step("norm")
def norm(y: Tensor, site: Site) -> Tensor:
    """BatchNorm."""
    return batch_norm(y, f"{site.conv.name}_bn")


@step("centre")
def centre(y: Tensor, site: Site) -> Tensor:
    """A BatchNorm without a factor, for the sign alone: half of what a max-pool gives is not below zero without it."""
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, scale=False, name=f"{site.conv.name}_centre")(y)


@step("image_norm")
def image_norm(y: Tensor, site: Site) -> Tensor:
    """BinaryE's BatchNorm of the image, without a factor."""
    name = f"{site.conv.name}_image_bn"
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=2e-5, scale=False, name=name)(y)


@step("second_norm")
def second_norm(y: Tensor, site: Site) -> Tensor:
    """BinaryE's BatchNorm behind the max-pool of its stem."""
    return batch_norm(y, f"{site.conv.name}_second_bn")


@step("pool")
def pool(y: Tensor, site: Site) -> Tensor:
    """The max-pool of a stem."""
    return keras.layers.MaxPooling2D(3, strides=2, padding="same", name=f"{site.conv.name}_pool")(y)
