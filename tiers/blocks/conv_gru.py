"""Convolutional gated recurrent unit.

Ballas et al., "Delving Deeper into Convolutional Networks for Learning Video Representations",
ICLR 2016, in the arrangement of Lin et al., WACV 2022::

    r, z = sigmoid(W_ih * [x, h]);  c = tanh(W_hh * [x, r h]);  h' = (1 - z) h + z c
"""

import torch
from torch import Tensor, nn

from tiers.blocks.elastic import ElasticConv2d


class ConvGru(nn.Module):
    """Update a state by a feature map of the same size.

    Input:
        x: ``(N, C, H, W)``.
        h: ``(N, C, H, W)`` in -1..1; zeros before the first frame.

    Output:
        h_next: ``(N, C, H, W)`` in -1..1; it is also the block's feature map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        both = (channels, channels)
        self.channels = channels
        self.ih = nn.Sequential(ElasticConv2d(both, both, 3, bias=True), nn.Sigmoid())
        self.hh = nn.Sequential(ElasticConv2d(both, (channels,), 3, bias=True), nn.Tanh())

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """Blend the old state with a candidate."""
        gates = self.ih(torch.cat([x, h], dim=1))
        # slices, not chunk, and h + z(c - h): the forms that XNNPACK keeps inside its delegate
        reset, update = gates[:, : self.channels], gates[:, self.channels :]
        candidate = self.hh(torch.cat([x, reset * h], dim=1))
        h_next: Tensor = h + update * (candidate - h)
        return h_next
