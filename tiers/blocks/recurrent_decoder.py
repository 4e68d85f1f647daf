"""Recurrent decoder: from stride 16 to full working size, with memory at four strides.

Lin et al., "Robust High-Resolution Video Matting with Temporal Guidance", WACV 2022, section 3.2:
a ConvGRU on half of the channels of the bottleneck block and of three upsampling blocks, and an
output block without recurrence. Parameter names are those of the official checkpoint.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.conv_gru import ConvGru
from tiers.blocks.elastic import ElasticConv2d, Segments

_RGB = 3


class RecurrentDecoder(nn.Module):
    """Decode four feature maps and the frame into hidden features.

    Input:
        frame: ``(N, 3, H, W)`` RGB in 0..1 at working size.
        features: four maps at strides 2, 4, 8, 16.
        states: ``r1..r4`` at strides 2, 4, 8, 16, each half of its block's channels.

    Output:
        hidden: ``(N, channels[3], H, W)``.
        states: ``r1_next..r4_next``, of the shapes of ``states``.
    """

    def __init__(
        self, taps: tuple[int, int, int], aspp: int, channels: tuple[int, int, int, int]
    ) -> None:
        super().__init__()
        self.decode4 = _BottleneckBlock(aspp)
        self.decode3 = _UpsamplingBlock(_halves(aspp), taps[2], channels[0])
        self.decode2 = _UpsamplingBlock(_halves(channels[0]), taps[1], channels[1])
        self.decode1 = _UpsamplingBlock(_halves(channels[1]), taps[0], channels[2])
        self.decode0 = _OutputBlock(_halves(channels[2]), channels[3])

    def forward(
        self, frame: Tensor, features: tuple[Tensor, ...], states: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor, Tensor]]:
        """Decode from coarse to fine; the frame joins every scale, averaged down."""
        f1, f2, f3, f4 = features
        r1, r2, r3, r4 = states
        frame2 = _halved(frame)
        frame4 = _halved(frame2)
        frame8 = _halved(frame4)
        x, r4 = self.decode4(f4, r4)
        x, r3 = self.decode3(x, f3, frame8, r3)
        x, r2 = self.decode2(x, f2, frame4, r2)
        x, r1 = self.decode1(x, f1, frame2, r1)
        return self.decode0(x, frame), (r1, r2, r3, r4)


class _BottleneckBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.passed = channels // 2
        self.gru = ConvGru(self.passed)

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        h = self.gru(x[:, self.passed :], h)
        return torch.cat([x[:, : self.passed], h], dim=1), h


class _UpsamplingBlock(nn.Module):
    def __init__(self, below: Segments, skip: int, channels: int) -> None:
        super().__init__()
        self.passed = channels // 2
        self.conv = nn.Sequential(
            ElasticConv2d((*below, skip, _RGB), _halves(channels), 3),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        self.gru = ConvGru(self.passed)

    def forward(self, x: Tensor, skip: Tensor, frame: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        x = self.conv(torch.cat([_doubled(x, frame), skip, frame], dim=1))
        h = self.gru(x[:, self.passed :], h)
        return torch.cat([x[:, : self.passed], h], dim=1), h


class _OutputBlock(nn.Module):
    def __init__(self, below: Segments, channels: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            ElasticConv2d((*below, _RGB), (channels,), 3),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            ElasticConv2d((channels,), (channels,), 3),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )

    def forward(self, x: Tensor, frame: Tensor) -> Tensor:
        y: Tensor = self.conv(torch.cat([_doubled(x, frame), frame], dim=1))
        return y


def _halves(channels: int) -> Segments:
    return (channels // 2, channels - channels // 2)


def _doubled(x: Tensor, like: Tensor) -> Tensor:
    """Upsample twofold, then cut to ``like``'s size where that is odd."""
    x = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    height, width = like.shape[2:]
    # no slice where nothing is cut: Core ML's converter refuses the alias that it becomes
    return x if x.shape[2:] == like.shape[2:] else x[:, :, :height, :width]


def _halved(x: Tensor) -> Tensor:
    """Average 2x2 pixels; the last row or column of an odd size is averaged with itself."""
    # by copies, not by ceil_mode: the form that XNNPACK takes
    if x.shape[2] % 2:
        x = torch.cat([x, x[:, :, -1:]], dim=2)
    if x.shape[3] % 2:
        x = torch.cat([x, x[:, :, :, -1:]], dim=3)
    return functional.avg_pool2d(x, 2, 2)
