"""Difference maps carried from one frame to another by the attention between their keys.

Cheng, Tai, Tang: "Modular Interactive Video Object Segmentation: Interaction-to-Mask, Propagation
and Difference-Aware Fusion" (MiVOS), CVPR 2021, section 3.3.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.spec import STRIDE


class DifferenceAttention(nn.Module):
    """Carry what an interaction added and removed at its frame over to another frame.

    Both maps are averaged to the size of the keys. Every position of the target frame then takes
    the mean of them over all positions of the interacted frame, weighted by the softmax of
    ``key . interacted_key / sqrt(C)``, and the result is resized to full size.

    Input:
        interacted_key: ``(N, C, H/16, W/16)``, of the frame that was interacted with.
        key: ``(N, C, H/16, W/16)``, of the target frame.
        added: ``(N, 1, H, W)`` in 0..1; 1 where the interaction added to the mask.
        removed: ``(N, 1, H, W)`` in 0..1; 1 where it took away from the mask.

    Output:
        attention: ``(N, 2, H, W)`` in 0..1; added, removed.
    """

    def forward(
        self, interacted_key: Tensor, key: Tensor, added: Tensor, removed: Tensor
    ) -> Tensor:
        """Attend."""
        channels, height, width = key.shape[1:]
        differences = functional.avg_pool2d(torch.cat([added, removed], dim=1), STRIDE)
        there = differences.flatten(2).transpose(1, 2)  # (N, positions there, 2)
        # Scaled before the product, which half precision would not hold otherwise.
        query = (key * channels**-0.5).flatten(2).transpose(1, 2)  # (N, positions here, C)
        affinity = torch.bmm(query, interacted_key.flatten(2))  # (N, here, there)
        here = torch.bmm(torch.softmax(affinity, dim=-1), there)  # (N, positions here, 2)
        carried = here.transpose(1, 2).reshape(-1, 2, height, width)
        attention = functional.interpolate(
            carried, scale_factor=float(STRIDE), mode="bilinear", align_corners=False
        )
        return attention.clamp(0, 1)  # the softmax's weights sum to 1 but for rounding
