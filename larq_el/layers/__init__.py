"""Keras layers of Elastic-Link and of the methods that it is compared with."""

from larq_el.layers.activation_scale import ActivationScale
from larq_el.layers.channel_bias import ChannelBias
from larq_el.layers.elastic_link import ElasticLink
from larq_el.layers.learned_scale import LearnedScale
from larq_el.layers.link_alone import LinkAlone

__all__ = ["ActivationScale", "ChannelBias", "ElasticLink", "LearnedScale", "LinkAlone"]
