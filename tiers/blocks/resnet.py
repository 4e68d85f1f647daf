"""ResNet-50 as a matting encoder: last stage dilated, four taps.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016; the stride of the last stage
is replaced by dilation, its first block keeping dilation 1. Parameter names are those of the
official RVM checkpoint.
"""

from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.elastic import ElasticConv2d

_EXPANSION = 4  # of a bottleneck block's output over its inner width


class ResNet50(nn.Module):
    """Encode a frame at four strides.

    Input:
        x: ``(N, 3, H, W)`` RGB.

    Output:
        ``(N, C, H/s, W/s)`` for strides s = 2, 4, 8, 16; ``C = self.channels``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ElasticConv2d((3,), (64,), 7, stride=2)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = _stage(64, 64, blocks=3)
        self.layer2 = _stage(256, 128, blocks=4, stride=2)
        self.layer3 = _stage(512, 256, blocks=6, stride=2)
        self.layer4 = _stage(1024, 512, blocks=3, dilation=2)
        self.channels = (64, 256, 512, 2048)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Run all stages; the taps are the stem's and the first, second and fourth stage's."""
        f1 = functional.relu(self.bn1(self.conv1(x)))
        f2 = self.layer1(functional.max_pool2d(f1, 3, stride=2, padding=1))
        f3 = self.layer2(f2)
        f4 = self.layer4(self.layer3(f3))
        return f1, f2, f3, f4


def _stage(
    channels: int, inner: int, *, blocks: int, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    first = _Bottleneck(channels, inner, stride=stride, dilation=1, project=True)
    rest = [
        _Bottleneck(inner * _EXPANSION, inner, stride=1, dilation=dilation, project=False)
        for _ in range(blocks - 1)
    ]
    return nn.Sequential(first, *rest)


class _Bottleneck(nn.Module):
    def __init__(
        self, channels: int, inner: int, *, stride: int, dilation: int, project: bool
    ) -> None:
        super().__init__()
        out = inner * _EXPANSION
        self.conv1 = ElasticConv2d((channels,), (inner,), 1)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = ElasticConv2d((inner,), (inner,), 3, stride=stride, dilation=dilation)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = ElasticConv2d((inner,), (out,), 1)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample = (
            nn.Sequential(ElasticConv2d((channels,), (out,), 1, stride=stride), nn.BatchNorm2d(out))
            if project
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        y = functional.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        shortcut = x if self.downsample is None else self.downsample(x)
        return functional.relu(y + shortcut)
