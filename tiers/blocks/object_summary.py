"""Object summaries: what the memory holds of an object as a whole.

Cheng et al., "Putting the Object Back into Video Object Segmentation" (Cutie), CVPR 2024, section
3.4: learned weights pool the value map, half of them over the object, half over all the rest.
Parameter names are those of the official MatAnyone checkpoints.
"""

import torch
from torch import Tensor, nn

from tiers.blocks.sine_encoding import SineEncoding


class ObjectSummarizer(nn.Module):
    """Sum features of an object under several weightings.

    Input:
        mask: ``(objects, 1, H, W)`` in 0..1, at the size of the value.
        value: ``(objects, C, H, W)``.

    Output:
        summaries: ``(objects, queries, C + 1)``; sums over all pixels, then the sum of weights.

    Args:
        channels: ``C``.
        queries: Number of weightings; even.
    """

    one: Tensor

    def __init__(self, channels: int, queries: int) -> None:
        super().__init__()
        self.of_each_kind = queries // 2
        # a product with ones stands in for a sum, which XNNPACK does not take
        self.register_buffer("one", torch.ones(1, 1, 1), persistent=False)
        self.pos_enc = SineEncoding(channels)
        self.input_proj = nn.Linear(channels, channels)
        self.feature_pred = nn.Sequential(
            nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels)
        )
        self.weights_pred = nn.Sequential(
            nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, queries)
        )

    def forward(self, mask: Tensor, value: Tensor) -> Tensor:
        """Weight and add up."""
        height, width = value.shape[2:]
        x = self.input_proj(value.flatten(2).transpose(1, 2))  # (N, H W, C)
        x = x + self.pos_enc(height, width)
        inside = mask.flatten(2)  # (N, 1, H W)
        shares = torch.cat([inside] * self.of_each_kind + [1 - inside] * self.of_each_kind, dim=1)
        weights = self.weights_pred(x).sigmoid().transpose(1, 2) * shares  # (N, queries, H W)
        sums = torch.bmm(weights, self.feature_pred(x))
        area = torch.bmm(weights, self.one.expand(mask.shape[0], height * width, -1))
        return torch.cat([sums, area], dim=2)
