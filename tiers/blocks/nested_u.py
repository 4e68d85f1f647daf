"""Residual U-blocks: a small U-Net inside every stage of a larger one.

Qin et al., "U2-Net: Going Deeper with Nested U-Structure for Salient Object Detection", Pattern
Recognition 2020, section 3.1 and figure 2. Parameter names are those of the official checkpoints.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

# Dilations of the four levels of the block that does not change size: section 3.2, RSU-4F.
_DILATIONS = (1, 2, 4, 8)


class ResidualU(nn.Module):
    """A U-Net of ``levels`` levels whose input, brought to ``out`` channels, is added at the end.

    All levels but the last two are each half the size of the one above; the last is dilated.

    Input:
        x: ``(N, channels, H, W)``; ``H`` and ``W`` multiples of ``2 ** (levels - 2)``, so that
            every level halves exactly.

    Output:
        y: ``(N, out, H, W)``.

    Args:
        channels: Of the input.
        inner: Channels of every level but the first.
        out: Channels of the first level and of the output.
        levels: Convolutions on the way down; the L of RSU-L.
    """

    def __init__(self, channels: int, inner: int, out: int, levels: int) -> None:
        super().__init__()
        dilations = (1,) * (levels - 1) + (2,)
        self.down, self.up = _add_units(self, channels, inner, out, dilations)

    def forward(self, x: Tensor) -> Tensor:
        """Go down, halving in between; come back up, joining every level's map."""
        first, *names = self.down
        start: Tensor = self.get_submodule(first)(x)
        maps = [start]
        for depth, name in enumerate(names):
            halved = 0 < depth < len(names) - 1
            below = halve(maps[-1]) if halved else maps[-1]
            maps.append(self.get_submodule(name)(below))
        y = maps.pop()
        for name in self.up:
            level = maps.pop()
            y = self.get_submodule(name)(torch.cat([_as_large(y, level), level], dim=1))
        return y + start


class DilatedResidualU(nn.Module):
    """The block for small maps, RSU-4F: levels are dilated instead of halved.

    Input:
        x: ``(N, channels, H, W)``.

    Output:
        y: ``(N, out, H, W)``.

    Args:
        channels: Of the input.
        inner: Channels of every level but the first.
        out: Channels of the first level and of the output.
    """

    def __init__(self, channels: int, inner: int, out: int) -> None:
        super().__init__()
        self.down, self.up = _add_units(self, channels, inner, out, _DILATIONS)

    def forward(self, x: Tensor) -> Tensor:
        """Go down and come back up at one size."""
        first, *names = self.down
        start: Tensor = self.get_submodule(first)(x)
        maps = [start]
        for name in names:
            maps.append(self.get_submodule(name)(maps[-1]))
        y = maps.pop()
        for name in self.up:
            y = self.get_submodule(name)(torch.cat([y, maps.pop()], dim=1))
        return y + start


def halve(x: Tensor) -> Tensor:
    """Return the maxima of 2x2 pixels, ``(N, C, H, W)`` to ``(N, C, H/2, W/2)``.

    The official pool rounds odd sizes up; on even sizes, which is all there are here, a plain one
    does the same, and every runtime takes it.
    """
    return functional.max_pool2d(x, 2, stride=2)


class _Unit(nn.Module):
    """3x3 convolution, BatchNorm, ReLU: ``(N, channels, H, W)`` to ``(N, out, H, W)``."""

    def __init__(self, channels: int, out: int, dilation: int) -> None:
        super().__init__()
        self.conv_s1 = nn.Conv2d(channels, out, 3, padding=dilation, dilation=dilation)
        self.bn_s1 = nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.bn_s1(self.conv_s1(x)))


def _add_units(
    block: nn.Module, channels: int, inner: int, out: int, dilations: tuple[int, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give ``block`` its convolutions; return their names on the way down and on the way up.

    On the way up a level is dilated as on the way down.
    """
    block.add_module("rebnconvin", _Unit(channels, out, 1))
    down, up = ["rebnconvin"], []
    for level, dilation in enumerate(dilations, start=1):
        name = f"rebnconv{level}"
        block.add_module(name, _Unit(out if level == 1 else inner, inner, dilation))
        down.append(name)
    for level in range(len(dilations) - 1, 0, -1):
        name = f"rebnconv{level}d"
        block.add_module(name, _Unit(2 * inner, out if level == 1 else inner, dilations[level - 1]))
        up.append(name)
    return tuple(down), tuple(up)


def _as_large(x: Tensor, other: Tensor) -> Tensor:
    """Resize ``x`` to the size of ``other``; the two lowest levels are of one size already."""
    size = other.shape[2:]
    if x.shape[2:] == size:
        return x
    return functional.interpolate(x, size, mode="bilinear", align_corners=False)
