"""Modulated deformable convolution from one bilinear sampling.

Dai et al., "Deformable Convolutional Networks", ICCV 2017, and Zhu et al., "Deformable ConvNets
v2: More Deformable, Better Results", CVPR 2019:

    y(p) = b + sum_k w_k * m_k(p) * x(p + p_k + d_k(p))

over the taps ``p_k`` of a square kernel, with an offset ``d_k`` and a weight ``m_k`` in 0..1 for
every tap, pixel and group of channels; ``x`` is bilinear between pixels and 0 outside the picture.

No exporter but ONNX has an operator for it. Here all taps of all groups are sampled in one
``grid_sample``: groups and pictures along the batch axis, taps below each other along the height.
What follows is a 1x1 convolution over channels and taps.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.elastic import ElasticConv2d

# The grid runs from -1 to 1 across the picture. Beyond 2 no neighbour of a sample lies inside, at
# any size, so cutting there changes nothing; it keeps far coordinates within a runtime's integers.
_FARTHEST = 2.0


class DeformableConv2d(nn.Module):
    """Convolve where offsets point to.

    A narrower network has fewer groups of the same size: its channels are a prefix of the wider
    one's.

    Input:
        x: ``(N, channels, H, W)``.
        rows: ``(N, G * K, H, W)`` offsets downwards in pixels, for ``G = channels / group`` groups
            and ``K = kernel * kernel`` taps; group by group, taps row by row.
        columns: ``(N, G * K, H, W)`` offsets to the right, likewise.
        modulation: ``(N, G * K, H, W)`` in 0..1, likewise.

    Output:
        y: ``(N, out, H, W)``.

    Args:
        channels: Of the input.
        out: Channels of the output.
        group: Channels that share offsets and modulation.
        kernel: Side of the kernel, odd.

    Raises:
        ValueError: If the groups do not fill the channels or the kernel has no centre.
    """

    def __init__(self, channels: int, out: int, *, group: int, kernel: int = 3) -> None:
        super().__init__()
        if channels % group or kernel % 2 == 0:
            msg = f"{channels} channels in groups of {group}, kernel {kernel}: "
            msg += "groups must fill the channels, and the kernel is odd"
            raise ValueError(msg)
        self.group = group
        self.kernel = kernel
        taps = kernel * kernel
        self.conv = ElasticConv2d((channels * taps,), (out,), 1, bias=True)

    def forward(self, x: Tensor, rows: Tensor, columns: Tensor, modulation: Tensor) -> Tensor:
        """Sample every tap, weight it, and mix taps and channels."""
        count, channels, height, width = x.shape
        taps = self.kernel * self.kernel
        stacked = (count * channels // self.group, taps * height, width)
        down, right = _taps(x, self.kernel)
        # offsets and places are scaled apart: in half precision their sum in pixels is too coarse
        grid = torch.cat(
            [
                (columns.reshape(*stacked, 1) * (2 / width) + right),
                (rows.reshape(*stacked, 1) * (2 / height) + down),
            ],
            dim=3,
        )
        samples = functional.grid_sample(
            x.reshape(stacked[0], self.group, height, width),
            grid.clamp(-_FARTHEST, _FARTHEST),
            mode="bilinear",
            padding_mode="zeros",
            align_corners=False,
        )  # (N * G, group, K * H, W)
        weighted = samples * modulation.reshape(stacked[0], 1, *stacked[1:])
        y: Tensor = self.conv(weighted.reshape(count, channels * taps, height, width))
        return y


def _taps(x: Tensor, kernel: int) -> tuple[Tensor, Tensor]:
    """Return the grid's two coordinates of every tap of every pixel: ``(1, K * H, W, 1)`` each.

    Pixel ``i`` of ``n`` lies at ``(2 i + 1 - n) / n``.
    """
    height, width = x.shape[2:]
    tap = _numbers(kernel, x) - kernel // 2
    row = _numbers(height, x).reshape(1, 1, height, 1) + tap.reshape(kernel, 1, 1, 1)
    column = _numbers(width, x).reshape(1, 1, 1, width) + tap.reshape(1, kernel, 1, 1)
    places = (kernel, kernel, height, width)
    down = ((2 * row + (1 - height)) / height).expand(places)
    right = ((2 * column + (1 - width)) / width).expand(places)
    shape = (1, kernel * kernel * height, width, 1)
    return down.reshape(shape), right.reshape(shape)


def _numbers(count: int, like: Tensor) -> Tensor:
    return torch.arange(count, dtype=like.dtype, device=like.device)
