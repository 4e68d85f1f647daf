"""Light decoder: from a coarse feature map to a finer one, a skip connection at every step.

Ronneberger et al., "U-Net", MICCAI 2015, in the thin form of mobile segmentation heads: double the
size, join the encoder's map of that size, one 3x3 convolution, and as many residual ones as asked.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.conv_norm import conv_norm
from tiers.blocks.elastic import ElasticConv2d, Segments


class SkipDecoder(nn.Module):
    """Decode a feature map upwards.

    Input:
        x: ``(N, sum(below), H, W)``.
        skips: from coarse to fine, ``(N, C, 2H, 2W)``, ``(N, C', 4H, 4W)`` ...

    Output:
        y: ``(N, channels[-1], 2^n H, 2^n W)`` for n skips.

    Args:
        below: Parts of the input's channels.
        skips: Channels of every skip, from coarse to fine; 0 for a step without one.
        channels: Channels after every step.
        residuals: Residual blocks after every step, one number a step.
    """

    def __init__(
        self,
        below: Segments,
        skips: tuple[int, ...],
        channels: tuple[int, ...],
        residuals: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        counts = residuals or (0,) * len(channels)
        steps = []
        for skip, out, count in zip(skips, channels, counts, strict=True):
            steps.append(_Step(below, skip, out, count))
            below = (out,)
        self.steps = nn.ModuleList(steps)

    def forward(self, x: Tensor, skips: tuple[Tensor | None, ...]) -> Tensor:
        """Run every step."""
        for step, skip in zip(self.steps, skips, strict=True):
            x = step(x, skip)
        return x


class Residual(nn.Module):
    """Two 3x3 convolutions around which the input passes.

    Input:
        x: ``(N, C, H, W)``.

    Output:
        y: ``(N, C, H, W)``, not negative.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ElasticConv2d((channels,), (channels,), 3)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = ElasticConv2d((channels,), (channels,), 3)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Add what the convolutions find."""
        y = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(x + self.bn2(self.conv2(y)))


class _Step(nn.Module):
    def __init__(self, below: Segments, skip: int, out: int, residuals: int) -> None:
        super().__init__()
        planes = (*below, skip) if skip else below
        self.conv = conv_norm(planes, (out,), 3, activation=nn.ReLU())
        self.residuals = nn.ModuleList(Residual(out) for _ in range(residuals))

    def forward(self, x: Tensor, skip: Tensor | None) -> Tensor:
        x = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = self.conv(x if skip is None else torch.cat([x, skip], dim=1))
        for residual in self.residuals:
            x = residual(x)
        return x
