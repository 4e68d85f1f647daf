"""Residual networks: their stages, and ResNet-50 as a matting encoder.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016. Parameter names are the usual
ones of ``conv1, bn1, layer1 .. layer4``.
"""

from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.elastic import ElasticConv2d, Segments

_EXPANSION = 4  # of a bottleneck block's output over its inner width


class ResNet50(nn.Module):
    """Encode a frame at four strides; the stride of the last stage is replaced by dilation.

    The first block of the last stage keeps dilation 1.

    Input:
        x: ``(N, sum(planes), H, W)``; RGB, and what a network adds to it.

    Output:
        ``(N, C, H/s, W/s)`` for strides s = 2, 4, 8, 16; ``C = self.channels``.
    """

    def __init__(self, planes: Segments = (3,)) -> None:
        super().__init__()
        self.conv1 = ElasticConv2d(planes, (64,), 7, stride=2)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = bottleneck_stage(64, 64, blocks=3)
        self.layer2 = bottleneck_stage(256, 128, blocks=4, stride=2)
        self.layer3 = bottleneck_stage(512, 256, blocks=6, stride=2)
        self.layer4 = bottleneck_stage(1024, 512, blocks=3, dilation=2)
        self.channels = (64, 256, 512, 2048)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Run all stages; the taps are the stem's and the first, second and fourth stage's."""
        f1 = functional.relu(self.bn1(self.conv1(x)))
        f2 = self.layer1(functional.max_pool2d(f1, 3, stride=2, padding=1))
        f3 = self.layer2(f2)
        f4 = self.layer4(self.layer3(f3))
        return f1, f2, f3, f4


def bottleneck_stage(
    channels: int,
    inner: int,
    *,
    blocks: int,
    stride: int = 1,
    dilation: int = 1,
    bias: bool = False,
) -> nn.Sequential:
    """Return a stage of bottleneck blocks, ``channels`` to ``4 * inner``.

    Args:
        channels: Of the input.
        inner: Of the 3x3 convolutions.
        blocks: Their number; the first projects its shortcut.
        stride: Of the first block.
        dilation: Of all blocks but the first.
        bias: Whether convolutions have a bias beside BatchNorm's.
    """
    first = _Bottleneck(channels, inner, stride=stride, dilation=1, project=True, bias=bias)
    rest = [
        _Bottleneck(
            inner * _EXPANSION, inner, stride=1, dilation=dilation, project=False, bias=bias
        )
        for _ in range(blocks - 1)
    ]
    return nn.Sequential(first, *rest)


def basic_stage(
    channels: int, out: int, *, blocks: int, stride: int = 1, bias: bool = False
) -> nn.Sequential:
    """Return a stage of basic blocks, ``channels`` to ``out``, as ResNet-18 has.

    Args:
        channels: Of the input.
        out: Of every 3x3 convolution.
        blocks: Their number; the first projects its shortcut where the shape changes.
        stride: Of the first block.
        bias: Whether convolutions have a bias beside BatchNorm's.
    """
    first = _Basic(channels, out, stride=stride, bias=bias)
    rest = [_Basic(out, out, stride=1, bias=bias) for _ in range(blocks - 1)]
    return nn.Sequential(first, *rest)


class _Bottleneck(nn.Module):
    def __init__(
        self,
        channels: int,
        inner: int,
        *,
        stride: int,
        dilation: int,
        project: bool,
        bias: bool,
    ) -> None:
        super().__init__()
        out = inner * _EXPANSION
        self.conv1 = ElasticConv2d((channels,), (inner,), 1, bias=bias)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = ElasticConv2d(
            (inner,), (inner,), 3, stride=stride, dilation=dilation, bias=bias
        )
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = ElasticConv2d((inner,), (out,), 1, bias=bias)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample = _projection(channels, out, stride, bias=bias) if project else None

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        y = functional.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        shortcut = x if self.downsample is None else self.downsample(x)
        return functional.relu(y + shortcut)


class _Basic(nn.Module):
    def __init__(self, channels: int, out: int, *, stride: int, bias: bool) -> None:
        super().__init__()
        self.conv1 = ElasticConv2d((channels,), (out,), 3, stride=stride, bias=bias)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = ElasticConv2d((out,), (out,), 3, bias=bias)
        self.bn2 = nn.BatchNorm2d(out)
        changes = stride != 1 or channels != out
        self.downsample = _projection(channels, out, stride, bias=bias) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        shortcut = x if self.downsample is None else self.downsample(x)
        return functional.relu(y + shortcut)


def _projection(channels: int, out: int, stride: int, *, bias: bool) -> nn.Sequential:
    convolution = ElasticConv2d((channels,), (out,), 1, stride=stride, bias=bias)
    return nn.Sequential(convolution, nn.BatchNorm2d(out))
