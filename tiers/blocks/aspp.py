"""Atrous spatial pyramid pooling: one feature map seen through convolutions of several reaches.

Chen et al., "Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation"
(DeepLabV3+), ECCV 2018: in the plain form of its ResNet, and in a separable one for phones.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.conv_norm import conv_norm
from tiers.blocks.elastic import ElasticConv2d
from tiers.blocks.global_mean import GlobalMean, global_mean

RATES = (6, 12, 18)  # dilations of the paper at output stride 16
# Trained on crops 30 positions wide, the paper's rates reach over 0.2 to 0.6 of the map. These do
# so on the 10 positions of a 160-pixel crop, and still touch the smallest map, 8 positions wide.
LIGHT_RATES = (2, 4, 6)


class Aspp(nn.Module):
    """The official pyramid: 1x1, three dilated 3x3 and the global mean, joined by a 1x1.

    Parameter names are those of the official MiVOS checkpoint. Its dropout, which does nothing in
    evaluation, is left out.

    Input:
        x: ``(N, channels, H, W)``.

    Output:
        y: ``(N, out, H, W)``, not negative.
    """

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        pointwise = conv_norm((channels,), (out,), 1, activation=nn.ReLU())
        dilated = [
            conv_norm((channels,), (out,), 3, dilation=rate, activation=nn.ReLU()) for rate in RATES
        ]
        pooled = conv_norm((channels,), (out,), 1, activation=nn.ReLU())
        branches = [pointwise, *dilated, nn.Sequential(GlobalMean(), *pooled)]
        self.convs = nn.ModuleList(branches)
        self.project = conv_norm((out,) * len(branches), (out,), 1, activation=nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """Look through every branch."""
        *maps, mean = (branch(x) for branch in self.convs)
        everywhere = functional.interpolate(
            mean, size=(x.shape[2], x.shape[3]), mode="bilinear", align_corners=False
        )
        y: Tensor = self.project(torch.cat([*maps, everywhere], dim=1))
        return y


class LightAspp(nn.Module):
    """A separable pyramid: reduced first, dilated depthwise, gated by the global mean.

    The gate takes the place of the pooled branch, as in LR-ASPP: Howard et al., "Searching for
    MobileNetV3", ICCV 2019, section 6.4.

    Input:
        x: ``(N, channels, H, W)``.

    Output:
        y: ``(N, out, H, W)``, not negative.
    """

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.reduce = conv_norm((channels,), (out,), 1, activation=nn.ReLU())
        self.dilated = nn.ModuleList(
            conv_norm((out,), (out,), 3, dilation=rate, groups=out, activation=nn.ReLU())
            for rate in LIGHT_RATES
        )
        parts = (out,) * (1 + len(LIGHT_RATES))
        self.project = conv_norm(parts, (out,), 1, activation=nn.ReLU())
        self.gate = ElasticConv2d((channels,), (out,), 1, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """Look through every branch, then gate."""
        reduced = self.reduce(x)
        seen = torch.cat([reduced, *(branch(reduced) for branch in self.dilated)], dim=1)
        y: Tensor = self.project(seen) * torch.sigmoid(self.gate(global_mean(x)))
        return y
