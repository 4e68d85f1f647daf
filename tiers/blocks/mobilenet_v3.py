"""MobileNetV3-Large as a matting encoder: last stage dilated, four taps.

Howard et al., "Searching for MobileNetV3", ICCV 2019, table 1; the last stage keeps stride 16 by
dilation as in Lin et al., "Robust High-Resolution Video Matting", WACV 2022. Parameter names are
those of the official RVM checkpoint.
"""

import dataclasses

from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.conv_norm import conv_norm
from tiers.blocks.elastic import ElasticConv2d, Segments
from tiers.blocks.global_mean import global_mean

# BatchNorm of the paper's reference training: epsilon 1e-3, momentum 0.01.
_EPSILON = 1e-3
_MOMENTUM = 0.01


@dataclasses.dataclass(frozen=True, slots=True)
class _Row:
    stage: int
    kernel: int
    expanded: int
    out: int
    squeezed: int  # channels inside squeeze-and-excitation, 0 for none
    hardswish: bool
    stride: int = 1
    dilation: int = 1


_ROWS = (
    _Row(0, 3, 16, 16, squeezed=0, hardswish=False),
    _Row(1, 3, 64, 24, squeezed=0, hardswish=False, stride=2),
    _Row(1, 3, 72, 24, squeezed=0, hardswish=False),
    _Row(2, 5, 72, 40, squeezed=24, hardswish=False, stride=2),
    _Row(2, 5, 120, 40, squeezed=32, hardswish=False),
    _Row(2, 5, 120, 40, squeezed=32, hardswish=False),
    _Row(3, 3, 240, 80, squeezed=0, hardswish=True, stride=2),
    _Row(3, 3, 200, 80, squeezed=0, hardswish=True),
    _Row(3, 3, 184, 80, squeezed=0, hardswish=True),
    _Row(3, 3, 184, 80, squeezed=0, hardswish=True),
    _Row(4, 3, 480, 112, squeezed=120, hardswish=True),
    _Row(4, 3, 672, 112, squeezed=168, hardswish=True),
    _Row(5, 5, 672, 160, squeezed=168, hardswish=True, dilation=2),
    _Row(5, 5, 960, 160, squeezed=240, hardswish=True, dilation=2),
    _Row(5, 5, 960, 160, squeezed=240, hardswish=True, dilation=2),
)
_STEM = 16
_LAST = 960


class MobileNetV3Large(nn.Module):
    """Encode a frame at four strides.

    Input:
        x: ``(N, sum(planes), H, W)``; normalised RGB, and what a network adds to it.

    Output:
        ``(N, C, H/s, W/s)`` for strides s = 2, 4, 8, 16; ``C = self.channels``.

    Args:
        width: Multiplier of every channel count.
        depth: Blocks kept of each stage.
        planes: Parts of the input channels.
        last: Whether the 1x1 convolution to 960 channels follows the last block.
    """

    def __init__(
        self,
        width: float,
        depth: tuple[int, ...],
        *,
        planes: Segments = (3,),
        last: bool = True,
    ) -> None:
        super().__init__()
        stem = scaled(_STEM, width)
        features: dict[str, nn.Module] = {
            "0": _norm(planes, stem, 3, stride=2, activation=nn.Hardswish())
        }
        channels = stem
        seen = [0] * len(depth)
        taps: dict[int, int] = {}
        for position, row in enumerate(_ROWS, start=1):
            seen[row.stage] += 1
            if seen[row.stage] > depth[row.stage]:
                continue
            widens = row.stage > 0 and seen[row.stage] == 1
            features[str(position)] = InvertedResidual(channels, row, width, residual=not widens)
            channels = scaled(row.out, width)
            taps[row.stage] = channels
        if last:
            widest = scaled(_LAST, width)
            features[str(len(_ROWS) + 1)] = _norm((channels,), widest, 1, activation=nn.Hardswish())
            channels = widest
        self.features = nn.ModuleDict(features)
        self.channels = (taps[0], taps[1], taps[2], channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Run all blocks; the taps are the last feature maps of strides 2, 4, 8 and 16."""
        taps = []
        for name, block in self.features.items():
            if name in _STRIDE_STARTS:
                taps.append(x)
            x = block(x)
        return taps[0], taps[1], taps[2], x


_STRIDE_STARTS = ("2", "4", "7")  # the blocks that halve the size; what enters them is tapped


def scaled(channels: int, width: float) -> int:
    """Return ``channels * width``, rounded to a multiple of 8 and at least 8."""
    return channels if width == 1 else max(8, round(channels * width / 8) * 8)


class InvertedResidual(nn.Module):
    """Widen, convolve channel by channel, narrow; around it, where it can be, the input passes.

    Input:
        x: ``(N, channels, H, W)``.

    Output:
        y: ``(N, scaled(row.out, width), H / row.stride, W / row.stride)``.
    """

    def __init__(self, channels: int, row: _Row, width: float, *, residual: bool) -> None:
        super().__init__()
        expanded = channels if row.stage == 0 else scaled(row.expanded, width)
        out = scaled(row.out, width)
        activation = nn.Hardswish if row.hardswish else nn.ReLU
        layers: list[nn.Module] = []
        if row.stage > 0:
            layers.append(_norm((channels,), expanded, 1, activation=activation()))
        layers.append(
            _norm(
                (expanded,),
                expanded,
                row.kernel,
                stride=row.stride,
                dilation=row.dilation,
                groups=expanded,
                activation=activation(),
            )
        )
        if row.squeezed:
            layers.append(_SqueezeExcitation(expanded, scaled(row.squeezed, width)))
        layers.append(_norm((expanded,), out, 1))
        self.block = nn.Sequential(*layers)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        y: Tensor = self.block(x)
        return x + y if self.residual else y


class _SqueezeExcitation(nn.Module):
    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = ElasticConv2d((channels,), (squeezed,), 1, bias=True)
        self.fc2 = ElasticConv2d((squeezed,), (channels,), 1, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        scale = global_mean(x)
        scale = self.fc2(functional.relu(self.fc1(scale)))
        # hard sigmoid spelled out: in this form XNNPACK keeps it inside its delegate
        return x * (functional.relu6(scale + 3) * (1 / 6))


def _norm(
    planes: Segments,
    out: int,
    kernel: int,
    *,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    activation: nn.Module | None = None,
) -> nn.Sequential:
    return conv_norm(
        planes,
        (out,),
        kernel,
        stride=stride,
        dilation=dilation,
        groups=groups,
        epsilon=_EPSILON,
        momentum=_MOMENTUM,
        activation=activation,
    )
