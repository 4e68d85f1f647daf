"""Difference-aware fusion: one mask from those before and after an interaction.

Cheng, Tai, Tang: "Modular Interactive Video Object Segmentation: Interaction-to-Mask, Propagation
and Difference-Aware Fusion" (MiVOS), CVPR 2021. When a user corrects the mask of one frame, the
correction is propagated to others, where an older mask may be the better one. Fusion decides, from
both masks, from where the correction added and removed, and from how far away it was made.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.conv_norm import conv_norm
from tiers.blocks.difference_attention import DifferenceAttention
from tiers.blocks.elastic import ElasticConv2d
from tiers.blocks.normalise import ImageNetNormalise
from tiers.blocks.skip_decoder import Residual, SkipDecoder
from tiers.networks.fusion_official import OfficialFusion
from tiers.rows.fusion import FusionShape, MobileFusionShape
from tiers.spec import TierSpec

_PLANES = (3, 1, 1, 2)  # image, previous mask, new mask, attention
_DISTANCES = 2


class MobileFusion(nn.Module):
    """Fuse two masks of one object: decide at half and quarter size, correct at full size.

    The official network's planes of equal distances are a bias here, computed from the two
    distances themselves.

    Input:
        frame, previous_mask, new_mask, attention, distances: as of ``OfficialFusion``; H and W
        are multiples of 4.

    Output:
        logits: ``(N, 1, H, W)``; the mask is their sigmoid.
    """

    def __init__(self, shape: MobileFusionShape) -> None:
        super().__init__()
        full, half, quarter = (shape.full,), (shape.half,), (shape.quarter,)
        self.normalise = ImageNetNormalise()
        self.stem = conv_norm(_PLANES, half, 3, stride=2)
        self.nearness = ElasticConv2d((_DISTANCES,), half, 1)
        self.down = conv_norm(half, quarter, 3, stride=2, activation=nn.ReLU())
        self.blocks = nn.ModuleList(Residual(shape.quarter) for _ in range(shape.depth))
        self.up = SkipDecoder(quarter, half, half)
        self.project = ElasticConv2d(half, full, 1)
        self.fine = conv_norm(_PLANES, full, 3)
        self.logit = ElasticConv2d(full, (1,), 3, bias=True)

    def forward(
        self,
        frame: Tensor,
        previous_mask: Tensor,
        new_mask: Tensor,
        attention: Tensor,
        distances: Tensor,
    ) -> Tensor:
        """Fuse."""
        image = self.normalise(frame)
        planes = torch.cat([image, previous_mask, new_mask, attention], dim=1)
        skip = functional.relu(self.stem(planes) + self.nearness(distances))
        x = self.down(skip)
        for block in self.blocks:
            x = block(x)
        decided = functional.interpolate(
            self.project(self.up(x, (skip,))), scale_factor=2, mode="bilinear", align_corners=False
        )
        logits: Tensor = self.logit(functional.relu(self.fine(planes) + decided))
        return logits


class AttendProgram(nn.Module):
    """Carry the differences of an interaction to the target frame.

    Input:
        interacted_key, key, added, removed: as in ``tiers.rows.fusion``.

    Output:
        attention.
    """

    def __init__(self) -> None:
        super().__init__()
        self.attention = DifferenceAttention()

    def forward(
        self, interacted_key: Tensor, key: Tensor, added: Tensor, removed: Tensor
    ) -> tuple[Tensor]:
        """Attend."""
        return (self.attention(interacted_key, key, added, removed),)


class FuseProgram(nn.Module):
    """Fuse the two masks of the target frame.

    Input:
        frame, previous_mask, new_mask, attention, distances: as in ``tiers.rows.fusion``.

    Output:
        mask.
    """

    def __init__(self, network: MobileFusion | OfficialFusion) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        frame: Tensor,
        previous_mask: Tensor,
        new_mask: Tensor,
        attention: Tensor,
        distances: Tensor,
    ) -> tuple[Tensor]:
        """Fuse."""
        logits = self.network(frame, previous_mask, new_mask, attention, distances)
        return (torch.sigmoid(logits),)


def build(spec: TierSpec) -> MobileFusion | OfficialFusion:
    """Return the network of a row."""
    shape = spec.shaped(FusionShape)
    return OfficialFusion() if shape.mobile is None else MobileFusion(shape.mobile)


def programs(network: nn.Module, spec: TierSpec) -> dict[str, nn.Module]:
    """Return the exportable programs of a row by name.

    Raises:
        TypeError: If the network is none of these.
    """
    if not isinstance(network, MobileFusion | OfficialFusion):
        msg = f"programs of {spec.network} need a fusion network, not a {type(network).__name__}"
        raise TypeError(msg)
    return {"attend": AttendProgram(), "fuse": FuseProgram(network)}
