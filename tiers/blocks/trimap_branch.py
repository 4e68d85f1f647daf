"""A light encoder of a trimap that joins the features of the frame it belongs to."""

import torch
from torch import Tensor, nn

from tiers.blocks.conv_norm import conv_norm


class TrimapBranch(nn.Module):
    """Encode a trimap down to stride 16.

    Every step is one 3x3 convolution of stride 2; each but the first sees the frame's features of
    its size too, so that the frame itself need not be encoded a second time.

    Input:
        trimap: ``(N, 1, H, W)``: 0 background, 0.5 unknown, 1 foreground.
        features: of the frame at strides 2, 4 and 8, from fine to coarse, ``(N, C, H/s, W/s)``.

    Output:
        x: ``(N, channels[3], H/16, W/16)``, not negative.

    Args:
        features: Channels of the frame's features at strides 2, 4 and 8.
        channels: Channels after every step, at strides 2, 4, 8 and 16.
    """

    def __init__(self, features: tuple[int, int, int], channels: tuple[int, int, int, int]) -> None:
        super().__init__()
        planes = ((1,), *zip(channels[:3], features, strict=True))
        self.steps = nn.ModuleList(
            conv_norm(segments, (out,), 3, stride=2, activation=nn.ReLU())
            for segments, out in zip(planes, channels, strict=True)
        )

    def forward(self, trimap: Tensor, features: tuple[Tensor, ...]) -> Tensor:
        """Run every step."""
        first, *others = self.steps
        x: Tensor = first(trimap)
        for step, feature in zip(others, features, strict=True):
            x = step(torch.cat([x, feature], dim=1))
        return x
