"""Sums with the unit's real-valued input."""

from larq_el._keras import Tensor, keras
from larq_el.layers import ElasticLink, LinkAlone
from larq_el.zoo.steps.site import Site, step


@step("link")
def link(y: Tensor, site: Site) -> Tensor:
    """The Elastic-Link: the sum with the input through SEI (equation 4)."""
    layer = ElasticLink(
        site.conv.strides,
        trainable_gamma=site.unit.link == "learned",
        use_gamma=site.unit.link != "plain",
        name=f"{site.conv.name}_link",
    )
    return layer([y, site.unit_input])


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
    x = site.unit_input
    if site.conv.strides > 1:
        x = keras.layers.AveragePooling2D(site.conv.strides, padding="same", name=f"{site.conv.name}_shortcut_pool")(x)
    return keras.layers.Add(name=f"{site.conv.name}_add")([y, x])
