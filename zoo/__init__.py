"""Models by name: a backbone (widths, strides, roles of convolutions) times a method (what a convolution is made of).

from larq_el import zoo

zoo.ELResNet26(input_shape=(224, 224, 3))         # Keras style
zoo.create_model("resnet26", method="el")         # the same, by name
zoo.list_models("*resnet26*")
"""

if __name__ != "larq_el.zoo":
    raise ImportError(
        f"this package is larq_el.zoo and was imported as {__name__!r}, which would register its Keras objects twice: "
        "write `from larq_el import zoo`."
    )

from larq_el.zoo.factory import create_model, describe, list_models
from larq_el.zoo.methods import METHODS, Method, Unit
from larq_el.zoo.models import (
    BinaryEResNet18,
    BinaryEResNet26,
    BinaryEResNet34,
    BinaryEResNet50,
    BiRealMobileNet,
    BiRealResNet18,
    BiRealResNet26,
    BiRealResNet34,
    BiRealResNet50,
    ELDaggerMobileNet,
    ELDaggerResNet18,
    ELDaggerResNet26,
    ELDaggerResNet34,
    ELDaggerResNet50,
    ELMobileNet,
    ELReActNetA,
    ELReActNetC,
    ELResNet18,
    ELResNet26,
    ELResNet34,
    ELResNet50,
    MobileNet,
    ReActNetA,
    ReActNetC,
    RealToBinMobileNet,
    RealToBinResNet18,
    RealToBinResNet26,
    RealToBinResNet34,
    RealToBinResNet50,
    ResNet18,
    ResNet26,
    ResNet34,
    ResNet50,
    SResNet26,
    SResNet50,
    XNORPlusPlusResNet18,
    XNORResNet18,
    XNORResNet26,
    XNORResNet34,
    XNORResNet50,
)
from larq_el.zoo.preprocessing import decode_predictions, preprocess_input

__all__ = [
    "METHODS",
    "BiRealMobileNet",
    "BiRealResNet18",
    "BiRealResNet26",
    "BiRealResNet34",
    "BiRealResNet50",
    "BinaryEResNet18",
    "BinaryEResNet26",
    "BinaryEResNet34",
    "BinaryEResNet50",
    "ELDaggerMobileNet",
    "ELDaggerResNet18",
    "ELDaggerResNet26",
    "ELDaggerResNet34",
    "ELDaggerResNet50",
    "ELMobileNet",
    "ELReActNetA",
    "ELReActNetC",
    "ELResNet18",
    "ELResNet26",
    "ELResNet34",
    "ELResNet50",
    "Method",
    "MobileNet",
    "ReActNetA",
    "ReActNetC",
    "RealToBinMobileNet",
    "RealToBinResNet18",
    "RealToBinResNet26",
    "RealToBinResNet34",
    "RealToBinResNet50",
    "ResNet18",
    "ResNet26",
    "ResNet34",
    "ResNet50",
    "SResNet26",
    "SResNet50",
    "Unit",
    "XNORPlusPlusResNet18",
    "XNORResNet18",
    "XNORResNet26",
    "XNORResNet34",
    "XNORResNet50",
    "create_model",
    "decode_predictions",
    "describe",
    "list_models",
    "preprocess_input",
]
