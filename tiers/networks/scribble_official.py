"""The official scribble-to-mask network of MiVOS: DeepLabV3+ on ResNet-50, six input channels.

Cheng, Tai, Tang: "Modular Interactive Video Object Segmentation: Interaction-to-Mask, Propagation
and Difference-Aware Fusion", CVPR 2021, section 3.1; Chen et al., "Encoder-Decoder with Atrous
Separable Convolution for Semantic Image Segmentation", ECCV 2018. Parameter names are those of the
official checkpoint.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.aspp import Aspp
from tiers.blocks.conv_norm import conv_norm
from tiers.blocks.elastic import ElasticConv2d
from tiers.blocks.normalise import ImageNetNormalise
from tiers.blocks.resnet import ResNet50

_CONTEXT = 256  # channels of the pyramid and of the decoder
_LOW = 48  # channels that the map at stride 4 is reduced to


class OfficialScribble(nn.Module):
    """Segment the subject that scribbles mean.

    Input:
        planes: ``(N, 6, H, W)``: RGB as ``normalise`` gives it, then current mask,
            positive and negative scribbles in 0..1; sides are multiples of 16.

    Output:
        logits: ``(N, 1, H, W)``; above 0 is the subject.
    """

    def __init__(self) -> None:
        super().__init__()
        self.normalise = ImageNetNormalise()
        self.backbone = ResNet50(planes=(3, 1, 1, 1))
        self.classifier = _Classifier(self.backbone.channels[1], self.backbone.channels[3])

    def forward(self, planes: Tensor) -> Tensor:
        """Give the logits."""
        _, low, _, high = self.backbone(planes)
        return _four_times(self.classifier(low, high))


class _Classifier(nn.Module):
    def __init__(self, low: int, high: int) -> None:
        super().__init__()
        self.project = conv_norm((low,), (_LOW,), 1, activation=nn.ReLU())
        self.aspp = Aspp(high, _CONTEXT)
        joined = conv_norm((_LOW, _CONTEXT), (_CONTEXT,), 3, activation=nn.ReLU())
        self.classifier = nn.Sequential(*joined, ElasticConv2d((_CONTEXT,), (1,), 1, bias=True))

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        context = _four_times(self.aspp(high))
        logits: Tensor = self.classifier(torch.cat([self.project(low), context], dim=1))
        return logits


def _four_times(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False)
