"""Difference-aware fusion as MiVOS released it.

Cheng, Tai, Tang: "Modular Interactive Video Object Segmentation: Interaction-to-Mask, Propagation
and Difference-Aware Fusion", CVPR 2021. Written from the paper; parameter names are those of the
official checkpoint.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.normalise import ImageNetNormalise

_CHANNELS = 32
_PLANES = 9  # image 3, masks 2, attention 2, distances 2


class OfficialFusion(nn.Module):
    """Fuse two masks of one object, every convolution at full size.

    Input:
        frame: ``(N, 3, H, W)`` RGB, sRGB-encoded, in 0..1.
        previous_mask: ``(N, 1, H, W)`` in 0..1, from before the interaction.
        new_mask: ``(N, 1, H, W)`` in 0..1, propagated from the interaction.
        attention: ``(N, 2, H, W)`` in 0..1, of ``DifferenceAttention``.
        distances: ``(N, 2, 1, 1)`` in 0..1, to the interacted and to the reference frame.

    Output:
        logits: ``(N, 1, H, W)``; the mask is their sigmoid.
    """

    def __init__(self) -> None:
        super().__init__()
        self.normalise = ImageNetNormalise()
        self.conv1 = nn.Sequential(nn.Conv2d(_PLANES, _CHANNELS, 3, padding=1), nn.ReLU())
        self.conv2 = _pair()
        self.conv3 = _pair()
        self.final_conv = nn.Conv2d(_CHANNELS, 1, 3, padding=1)

    def forward(
        self,
        frame: Tensor,
        previous_mask: Tensor,
        new_mask: Tensor,
        attention: Tensor,
        distances: Tensor,
    ) -> Tensor:
        """Fuse."""
        # A resize of one pixel is a constant plane, and no runtime leaves it to a slow operator
        # as ExecuTorch does an expansion.
        planes = functional.interpolate(
            distances, size=frame.shape[2:], mode="bilinear", align_corners=False
        )
        image = self.normalise(frame)
        x = self.conv1(torch.cat([image, previous_mask, new_mask, attention, planes], dim=1))
        x = functional.relu(x + self.conv2(x))
        x = functional.relu(x + self.conv3(x))
        logits: Tensor = self.final_conv(x)
        return logits


def _pair() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1),
    )
