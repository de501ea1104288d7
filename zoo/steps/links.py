"""Sums with the unit's real-valued input."""

from larq_el._keras import Tensor, keras
from larq_el.layers import ElasticLink, LinkAlone
from larq_el.zoo.steps.site import Conv, Site, pair, step


def _cropped(x: Tensor, conv: Conv) -> Tensor:
    """The pixels that stand under the middle of a kernel without padding."""
    if conv.padding == "same" or not any(conv.border):
        return x
    sides = [(border // 2, border - border // 2) for border in conv.border]
    return keras.layers.Cropping2D(sides, name=f"{conv.name}_link_crop")(x)


def _linked(x: Tensor, conv: Conv) -> tuple[Tensor, int]:
    """What a link adds, and its stride; strides that a link does not have are max-pooled before it."""
    x, strides = _cropped(x, conv), pair(conv.strides)
    if strides in ((1, 1), (2, 2)):
        return x, strides[0]
    return keras.layers.MaxPooling2D(strides, strides, padding="same", name=f"{conv.name}_link_pool")(x), 1


@step("link")
def link(y: Tensor, site: Site) -> Tensor:
    """The Elastic-Link: the sum with the input through SEI (equation 4)."""
    x, strides = _linked(site.unit_input, site.conv)
    layer = ElasticLink(
        strides,
        trainable_gamma=site.unit.link == "learned",
        use_gamma=site.unit.link != "plain",
        name=f"{site.conv.name}_link",
    )
    return layer([y, x])


@step("link_alone")
def link_alone(y: Tensor, site: Site) -> Tensor:
    """SEI in the place of a convolution (Table 4)."""
    layer = LinkAlone(
        site.conv.filters,
        strides=site.conv.strides,
        trainable_gamma=site.unit.link == "learned",
        name=f"{site.conv.name}_link",
    )
    return layer(y)


@step("pooled_sum")
def pooled_sum(y: Tensor, site: Site) -> Tensor:
    """The unit's real-valued input again, average-pooled where the convolution has stride 2."""
    x = _cropped(site.unit_input, site.conv)
    if max(pair(site.conv.strides)) > 1:
        x = keras.layers.AveragePooling2D(site.conv.strides, padding="same", name=f"{site.conv.name}_shortcut_pool")(x)
    return keras.layers.Add(name=f"{site.conv.name}_add")([y, x])
