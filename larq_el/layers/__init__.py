"""Keras layers of Elastic-Link and of the methods that it is compared with."""

from larq_el.layers.activation_scale import ActivationScale
from larq_el.layers.activation_shifts import ActivationShifts
from larq_el.layers.bases_conv import BasesConv2D
from larq_el.layers.channel_bias import ChannelBias
from larq_el.layers.elastic_link import ElasticLink
from larq_el.layers.group_sum import GroupSum
from larq_el.layers.interacted_bitcount import InteractedBitcount
from larq_el.layers.leaky_clip import LeakyClip
from larq_el.layers.learned_scale import LearnedScale
from larq_el.layers.link_alone import LinkAlone
from larq_el.layers.ternary_thresholds import TernaryThresholds

__all__ = [
    "ActivationScale",
    "ActivationShifts",
    "BasesConv2D",
    "ChannelBias",
    "ElasticLink",
    "GroupSum",
    "InteractedBitcount",
    "LeakyClip",
    "LearnedScale",
    "LinkAlone",
    "TernaryThresholds",
]
