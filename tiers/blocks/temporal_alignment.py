"""Temporal feature alignment: bring the features of past frames to where things are now.

The alignment of ST-FAM: Sun et al., "Deep Video Matting via Spatio-Temporal Alignment and
Aggregation", CVPR 2021. From a past frame's features and the present ones, offsets are predicted
for every pixel, and a deformable convolution takes the past features from there. No optical flow
is computed.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.deform_conv import DeformableConv2d
from tiers.blocks.elastic import ElasticConv2d

_TAPS = 9  # of a 3x3 kernel
_LEAK = 0.1  # slope of the leaky ReLU below 0


class TemporalAlignment(nn.Module):
    """Align past frames, each by itself, to the present one.

    Input:
        past: ``(N, C, H, W)``, one past frame along each step of the batch axis.
        present: ``(1, C, H, W)``.

    Output:
        aligned: ``(N, C, H, W)``.

    Args:
        channels: Of every frame's features.
        group: Channels that move together.
    """

    def __init__(self, channels: int, group: int) -> None:
        super().__init__()
        self.offsets = channels // group * _TAPS
        # The 3x3 convolution of both frames' features joined is the sum of two convolutions, of
        # which the present one's is the same for all past frames.
        self.past = ElasticConv2d((channels,), (channels,), 3, bias=True)
        self.present = ElasticConv2d((channels,), (channels,), 3)
        self.motion = ElasticConv2d((channels,), (channels,), 3, bias=True)
        self.taps = ElasticConv2d((channels,), (self.offsets,) * 3, 3, bias=True)
        self.deform = DeformableConv2d(channels, channels, group=group)
        # learning begins with a plain convolution: no tap is moved, all weigh the same
        nn.init.zeros_(self.taps.weight)
        if self.taps.bias is not None:
            nn.init.zeros_(self.taps.bias)

    def forward(self, past: Tensor, present: Tensor) -> Tensor:
        """Find where to look, and look there."""
        x = functional.leaky_relu(self.past(past) + self.present(present), _LEAK)
        x = functional.leaky_relu(self.motion(x), _LEAK)
        taps = self.taps(x)
        rows = taps[:, : self.offsets]
        columns = taps[:, self.offsets : 2 * self.offsets]
        modulation = torch.sigmoid(taps[:, 2 * self.offsets :])
        aligned: Tensor = self.deform(past, rows, columns, modulation)
        return aligned
