"""Backbones: which convolutions a network is made of. A new backbone is one file and one entry here."""

from larq_el.zoo.backbones.base import Backbone, Options
from larq_el.zoo.backbones.mobilenet import MOBILENET
from larq_el.zoo.backbones.mobinet import MOBINETS
from larq_el.zoo.backbones.reactnet import REACTNETS
from larq_el.zoo.backbones.resnet import RESNETS
from larq_el.zoo.backbones.two_stream import TWO_STREAM

BACKBONES: dict[str, Backbone] = {
    backbone.name: backbone for backbone in (*RESNETS, TWO_STREAM, MOBILENET, *REACTNETS, *MOBINETS)
}

__all__ = ["BACKBONES", "Backbone", "Options"]
