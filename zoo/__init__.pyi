"""Models by name. Written by `python -m larq_el.zoo.stub`; do not edit."""

from larq_el._keras import Model, Tensor
from larq_el.zoo.methods import METHODS as METHODS
from larq_el.zoo.models import MODEL_FUNCTIONS as MODEL_FUNCTIONS
from larq_el.zoo.methods.base import Method as Method
from larq_el.zoo.weights.published import PUBLISHED as PUBLISHED
from larq_el.zoo.weights.packed import PackedReport as PackedReport
from larq_el.zoo.weights.published import PublishedWeights as PublishedWeights
from larq_el.zoo.methods.base import Unit as Unit
from larq_el.zoo.diagram import block_diagram as block_diagram
from larq_el.zoo.factory import create_model as create_model
from larq_el.data.preprocessing import decode_predictions as decode_predictions
from larq_el.zoo.factory import describe as describe
from larq_el.zoo.factory import list_models as list_models
from larq_el.zoo.weights.loading import load_weights as load_weights
from larq_el.data.preprocessing import preprocess_input as preprocess_input
from larq_el.zoo.weights.packed import save_weights as save_weights

__all__: list[str]

def ABC3x3ResNet18(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ABC3x3ResNet18: ABC-Net with three weight bases and three activation bases: nine binary convolutions for one."""

def ABCMobileNet(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ABCMobileNet: ABC-Net with one weight base and one activation base: centred weights, a learned shift and scale."""

def ABCResNet18(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ABCResNet18: ABC-Net with one weight base and one activation base: centred weights, a learned shift and scale."""

def ABCResNet26(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ABCResNet26: ABC-Net with one weight base and one activation base: centred weights, a learned shift and scale."""

def ABCResNet34(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ABCResNet34: ABC-Net with one weight base and one activation base: centred weights, a learned shift and scale."""

def ABCResNet50(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ABCResNet50: ABC-Net with one weight base and one activation base: centred weights, a learned shift and scale."""

def BiRealMobileNet(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """BiRealMobileNet: Bi-Real net: ApproxSign, weights times alpha, a shortcut around each 3x3."""

def BiRealResNet18(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """BiRealResNet18: Bi-Real net: ApproxSign, weights times alpha, a shortcut around each 3x3."""

def BiRealResNet26(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """BiRealResNet26: Bi-Real net: ApproxSign, weights times alpha, a shortcut around each 3x3."""

def BiRealResNet34(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """BiRealResNet34: Bi-Real net: ApproxSign, weights times alpha, a shortcut around each 3x3."""

def BiRealResNet50(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """BiRealResNet50: Bi-Real net: ApproxSign, weights times alpha, a shortcut around each 3x3."""

def BiRealTwoStreamResNet50(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """BiRealTwoStreamResNet50: Bi-Real net: ApproxSign, weights times alpha, a shortcut around each 3x3."""

def BinaryEMobileNet(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """BinaryEMobileNet: BinaryE (Bethge et al.): plain STE, no scaling, a shortcut around each 3x3; its own stem and head."""

def BinaryEResNet18(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """BinaryEResNet18: BinaryE (Bethge et al.): plain STE, no scaling, a shortcut around each 3x3; its own stem and head."""

def BinaryEResNet26(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """BinaryEResNet26: BinaryE (Bethge et al.): plain STE, no scaling, a shortcut around each 3x3; its own stem and head."""

def BinaryEResNet34(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """BinaryEResNet34: BinaryE (Bethge et al.): plain STE, no scaling, a shortcut around each 3x3; its own stem and head."""

def BinaryEResNet50(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """BinaryEResNet50: BinaryE (Bethge et al.): plain STE, no scaling, a shortcut around each 3x3; its own stem and head."""

def CINetResNet18(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """CINetResNet18: CI-Net: pairs of channels, mined in training, correct the integer output; see docs/methods/ci_net.md."""

def CINetResNet34(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """CINetResNet34: CI-Net: pairs of channels, mined in training, correct the integer output; see docs/methods/ci_net.md."""

def ELDaggerMobileNet(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ELDaggerMobileNet: Elastic-Link with Real-to-Binary's units: links with a learned gamma on 1x1s, its scale instead of K."""

def ELDaggerResNet18(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ELDaggerResNet18: Elastic-Link with Real-to-Binary's units: links with a learned gamma on 1x1s, its scale instead of K."""

def ELDaggerResNet26(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ELDaggerResNet26: Elastic-Link with Real-to-Binary's units: links with a learned gamma on 1x1s, its scale instead of K."""

def ELDaggerResNet34(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ELDaggerResNet34: Elastic-Link with Real-to-Binary's units: links with a learned gamma on 1x1s, its scale instead of K."""

def ELDaggerResNet50(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ELDaggerResNet50: Elastic-Link with Real-to-Binary's units: links with a learned gamma on 1x1s, its scale instead of K."""

def ELMobileNet(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ELMobileNet: Elastic-Link: links with a learned gamma on 1x1s, K on the reduction, plain STE."""

def ELReActNetA(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ELReActNetA: Elastic-Link: links with a learned gamma on 1x1s, K on the reduction, plain STE."""

def ELReActNetC(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ELReActNetC: Elastic-Link: links with a learned gamma on 1x1s, K on the reduction, plain STE."""

def ELResNet18(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ELResNet18: Elastic-Link: links with a learned gamma on 1x1s, K on the reduction, plain STE."""

def ELResNet26(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ELResNet26: Elastic-Link: links with a learned gamma on 1x1s, K on the reduction, plain STE."""

def ELResNet34(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ELResNet34: Elastic-Link: links with a learned gamma on 1x1s, K on the reduction, plain STE."""

def ELResNet50(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ELResNet50: Elastic-Link: links with a learned gamma on 1x1s, K on the reduction, plain STE."""

def MoBiNetMid(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """MoBiNetMid: MoBiNet: a binary MobileNet with shortcuts where the width stays; see docs/methods/mobinet.md."""

def MoBiNetMidK1(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """MoBiNetMidK1: MoBiNet: a binary MobileNet with shortcuts where the width stays; see docs/methods/mobinet.md."""

def MoBiNetPost(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """MoBiNetPost: MoBiNet: a binary MobileNet with shortcuts where the width stays; see docs/methods/mobinet.md."""

def MoBiNetPre(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """MoBiNetPre: MoBiNet: a binary MobileNet with shortcuts where the width stays; see docs/methods/mobinet.md."""

def MoBiNetStandard(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """MoBiNetStandard: MoBiNet: a binary MobileNet with shortcuts where the width stays; see docs/methods/mobinet.md."""

def MobileNet(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """MobileNet: Full precision, with ReLU."""

def ReActNetA(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ReActNetA: ReActNet: learned thresholds of signs and PReLUs, duplicated activations where the channels double."""

def ReActNetC(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ReActNetC: ReActNet: learned thresholds of signs and PReLUs, duplicated activations where the channels double."""

def ReActResNet18(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ReActResNet18: ReActNet's ResNet: Bi-Real net with learned thresholds of signs, and RPReLU after each sum."""

def RealToBinMobileNet(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """RealToBinMobileNet: Real-to-Binary: BatchNorm first, data-driven scale of channels, PReLU, shortcuts where widths agree."""

def RealToBinResNet18(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """RealToBinResNet18: Real-to-Binary: BatchNorm first, data-driven scale of channels, PReLU, shortcuts where widths agree."""

def RealToBinResNet26(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """RealToBinResNet26: Real-to-Binary: BatchNorm first, data-driven scale of channels, PReLU, shortcuts where widths agree."""

def RealToBinResNet34(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """RealToBinResNet34: Real-to-Binary: BatchNorm first, data-driven scale of channels, PReLU, shortcuts where widths agree."""

def RealToBinResNet50(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """RealToBinResNet50: Real-to-Binary: BatchNorm first, data-driven scale of channels, PReLU, shortcuts where widths agree."""

def ResNet18(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ResNet18: Full precision, with ReLU."""

def ResNet26(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ResNet26: Full precision, with ReLU."""

def ResNet34(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ResNet34: Full precision, with ReLU."""

def ResNet50(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """ResNet50: Full precision, with ReLU."""

def SResNet26(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """SResNet26: S-ResNet, the paper's baseline: plain STE, a shortcut around each bottleneck's 3x3."""

def SResNet50(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """SResNet50: S-ResNet, the paper's baseline: plain STE, a shortcut around each bottleneck's 3x3."""

def TBNResNet18(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """TBNResNet18: TBN: ternary activations (two binary convolutions), BatchNorm first, one residual shortcut a block."""

def TBNResNet34(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """TBNResNet34: TBN: ternary activations (two binary convolutions), BatchNorm first, one residual shortcut a block."""

def XNORMobileNet(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """XNORMobileNet: XNOR-Net: BatchNorm first, K and alpha on every convolution, one residual shortcut a block."""

def XNORPlusPlusResNet18(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """XNORPlusPlusResNet18: XNOR-Net++: a scale learned over channels, rows and columns, PReLU, BatchNorm first."""

def XNORResNet18(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """XNORResNet18: XNOR-Net: BatchNorm first, K and alpha on every convolution, one residual shortcut a block."""

def XNORResNet26(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """XNORResNet26: XNOR-Net: BatchNorm first, K and alpha on every convolution, one residual shortcut a block."""

def XNORResNet34(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """XNORResNet34: XNOR-Net: BatchNorm first, K and alpha on every convolution, one residual shortcut a block."""

def XNORResNet50(
    *,
    weights: str | None = None,
    include_top: bool = True,
    input_shape: tuple[int | None, int | None, int] | None = None,
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    width: float = 1.0,
    stride_on: str = "reduce",
    pad_values: float = 0.0,
    name: str | None = None,
) -> Model:
    """XNORResNet50: XNOR-Net: BatchNorm first, K and alpha on every convolution, one residual shortcut a block."""
