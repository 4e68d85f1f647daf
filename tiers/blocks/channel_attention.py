"""Residual block whose channels are gated by their own means, and the fusion made of two of them.

Wang et al., "ECA-Net: Efficient Channel Attention for Deep Convolutional Neural Networks", CVPR
2020: the gate of a channel sees the means of its five neighbours, and no layer in between narrows
them. Parameter names are those of the official MatAnyone checkpoints.
"""

from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.elastic import ElasticConv2d
from tiers.blocks.global_mean import global_mean

# Channels that a gate sees: the odd number next to (log2(C) + 1) / 2, which is 4.5 at 256 channels.
_NEIGHBOURS = 5


class ChannelAttentionBlock(nn.Module):
    """Two 3x3 convolutions behind their activations, gated, around which the input passes.

    Input:
        x: ``(N, C, H, W)``.

    Output:
        y: ``(N, C, H, W)``.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ElasticConv2d((channels,), (channels,), 3, bias=True)
        self.conv2 = ElasticConv2d((channels,), (channels,), 3, bias=True)
        self.conv = nn.Conv1d(1, 1, _NEIGHBOURS, padding=_NEIGHBOURS // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Add what the convolutions find."""
        y = self.conv2(functional.relu(self.conv1(functional.relu(x))))
        batch, channels = y.shape[:2]
        gate = self.conv(global_mean(y).reshape(batch, 1, channels))
        gated: Tensor = y * gate.sigmoid().reshape(batch, channels, 1, 1)
        return x + gated


class ObjectFusion(nn.Module):
    """Join what the frame shows with what belongs to one object, for every object alike.

    Input:
        x: ``(1, C, H, W)``, features of the frame.
        g: ``(objects, C, H, W)``, features of the objects.

    Output:
        y: ``(objects, C, H, W)``.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.distributor = _Distributor(channels)
        self.block1 = ChannelAttentionBlock(channels)
        self.block2 = ChannelAttentionBlock(channels)

    def forward(self, x: Tensor, g: Tensor) -> Tensor:
        """Add the two, then refine."""
        y: Tensor = self.block2(self.block1(self.distributor(x, g)))
        return y


class _Distributor(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.x_transform = ElasticConv2d((channels,), (channels,), 1, bias=True)
        self.g_transform = ElasticConv2d((channels,), (channels,), 1, bias=True)

    def forward(self, x: Tensor, g: Tensor) -> Tensor:
        y: Tensor = self.g_transform(g) + self.x_transform(x)
        return y
