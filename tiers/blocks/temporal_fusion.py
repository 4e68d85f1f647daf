"""Temporal feature fusion: one feature map from aligned frames, by channel and spatial attention.

The fusion of ST-FAM: Sun et al., "Deep Video Matting via Spatio-Temporal Alignment and
Aggregation", CVPR 2021, after the attention of Woo et al., "CBAM", ECCV 2018; the channel attention
sees means alone.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.conv_norm import conv_norm
from tiers.blocks.elastic import ElasticConv2d
from tiers.blocks.global_mean import global_mean


class TemporalFusion(nn.Module):
    """Add to the present frame's features what two aligned past frames tell.

    Without anything to add the present features come out as they are, so that a level which is
    not fused feeds the decoder the same features.

    Input:
        aligned: ``(2, C, H, W)``, past frames, aligned.
        present: ``(1, C, H, W)``, not negative.

    Output:
        fused: ``(1, C, H, W)``, not negative.
    """

    mean_weight: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        frames = (channels, channels, channels)
        self.squeeze = ElasticConv2d(frames, (channels,), 1)
        self.expand = ElasticConv2d((channels,), frames, 1)
        self.spatial = ElasticConv2d((1, 1), (1,), 7)
        self.fuse = conv_norm(frames, (channels,), 1)
        # the channel mean as a convolution: XNNPACK does not take a mean over channels
        mean = torch.full((1, sum(frames), 1, 1), 1 / sum(frames))
        self.register_buffer("mean_weight", mean, persistent=False)

    def forward(self, aligned: Tensor, present: Tensor) -> Tensor:
        """Weigh channels, weigh pixels, and mix."""
        x = torch.cat([aligned[:1], aligned[1:], present], dim=1)
        gate = self.expand(functional.relu(self.squeeze(global_mean(x))))
        x = x * torch.sigmoid(gate)
        seen = torch.cat([functional.conv2d(x, self.mean_weight), channel_max(x)], dim=1)
        x = x * torch.sigmoid(self.spatial(seen))
        return functional.relu(present + self.fuse(x))


def channel_max(x: Tensor) -> Tensor:
    """Return the largest channel of every pixel.

    The channels are halved until one is left: XNNPACK takes the maximum of two maps and no maximum
    over channels. Of an odd number the middle one is in both halves.

    Args:
        x: ``(N, C, H, W)``.

    Returns:
        ``(N, 1, H, W)``.
    """
    channels = x.shape[1]
    while channels > 1:
        half = (channels + 1) // 2
        x = torch.maximum(x[:, :half], x[:, channels - half :])
        channels = half
    return x
