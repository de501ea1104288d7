"""The gammas of a model's links."""

from larq_el._keras import Model
from larq_el.introspection import leaf_layers
from larq_el.layers.elastic_link import ElasticLink
from larq_el.layers.link_alone import LinkAlone


def gammas_of(model: Model) -> dict[str, float]:
    """The value of each link's gamma, by the link's name, in the order of computation.

    >>> from larq_el import zoo
    >>> gammas_of(zoo.ELResNet26(input_shape=(32, 32, 3), width=0.125))["stage2_block1_reduce_link"]
    2.0

    # Arguments
        model: a `tf.keras.Model`.
    """
    links = [layer for layer in leaf_layers(model) if isinstance(layer, ElasticLink | LinkAlone)]
    return {link.name: float(link.gamma.numpy()) for link in links if link.gamma is not None}
