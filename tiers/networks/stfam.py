"""Matting from image and trimap of a frame and the features of the two frames before.

The second stage of Sun et al., "Deep Video Matting via Spatio-Temporal Alignment and Aggregation"
(CVPR 2021), called ST-FAM: past features are aligned to the present ones by deformable convolutions
and fused with them by attention. Written from the paper for phones: MobileNetV3 encodes, only
coarse levels look back, and the window is causal. Every frame is encoded once; what later frames
need of it is state.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.conv_norm import conv_norm
from tiers.blocks.elastic import ElasticConv2d
from tiers.blocks.mobilenet_v3 import MobileNetV3Large
from tiers.blocks.normalise import ImageNetNormalise
from tiers.blocks.skip_decoder import SkipDecoder
from tiers.blocks.temporal_alignment import TemporalAlignment
from tiers.blocks.temporal_fusion import TemporalFusion
from tiers.rows.stfam import GROUP, LEVELS, StfamShape
from tiers.spec import TierSpec

_PLANES = (3, 1)  # image, trimap


class Stfam(nn.Module):
    """Matte one frame.

    Input:
        frame: ``(1, 3, H, W)`` RGB in 0..1; sides are multiples of 16.
        trimap: ``(1, 1, H, W)``: 0 background, 0.5 unknown, 1 foreground.
        valid: ``(2, 1, 1, 1)``: 1 for a past frame that there is, 0 for none; the newer first.
        past: their features of every aligned level, from coarse to fine:
            ``(2, C, H/16, W/16)``, ``(2, C', H/8, W/8)`` ...

    Output:
        alpha: ``(1, 1, H, W)`` in 0..1; what the trimap knows is kept.
        valid_next: ``valid`` of the next frame.
        past_next: ``past`` of the next frame.
    """

    one: Tensor

    def __init__(self, shape: StfamShape) -> None:
        super().__init__()
        self.normalise = ImageNetNormalise()
        self.encoder = MobileNetV3Large(shape.width, shape.depth, planes=_PLANES, last=False)
        at2, at4, at8, at16 = self.encoder.channels
        sizes = dict(zip(LEVELS, shape.features, strict=True))
        self.lateral = nn.ModuleDict(
            {
                level: conv_norm((tap,), (sizes[level],), 1, activation=nn.ReLU())
                for level, tap in zip(LEVELS, (at16, at8, at4), strict=True)
            }
        )
        self.aligned = LEVELS[: shape.aligned]
        self.align = nn.ModuleDict({n: TemporalAlignment(sizes[n], GROUP) for n in self.aligned})
        self.fuse = nn.ModuleDict({n: TemporalFusion(sizes[n]) for n in self.aligned})
        coarse, *skips = shape.features
        self.decoder = SkipDecoder(
            (coarse,), (*skips, at2, sum(_PLANES)), shape.decoder, shape.residuals
        )
        self.head = ElasticConv2d((shape.decoder[-1],), (1,), 3, bias=True)
        self.register_buffer("one", torch.ones(1, 1, 1, 1), persistent=False)

    def forward(
        self, frame: Tensor, trimap: Tensor, valid: Tensor, past: tuple[Tensor, ...]
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Encode the frame, look back, decode."""
        planes = torch.cat([self.normalise(frame), trimap], dim=1)
        at2, at4, at8, at16 = self.encoder(planes)
        present = {n: self.lateral[n](x) for n, x in zip(LEVELS, (at16, at8, at4), strict=True)}
        seen = dict(present)
        past_next = []
        for level, before in zip(self.aligned, past, strict=True):
            now = present[level]
            # where there is no past frame, the present one stands in for it
            filled = before * valid + now * (1 - valid)
            seen[level] = self.fuse[level](self.align[level](filled, now), now)
            past_next.append(torch.cat([now, filled[:1]], dim=0))
        coarse, *skips = seen.values()
        logits = self.head(self.decoder(coarse, (*skips, at2, planes)))
        alpha = keep_known(torch.sigmoid(logits), trimap)
        return alpha, torch.cat([self.one, valid[:1]], dim=0), tuple(past_next)


def keep_known(alpha: Tensor, trimap: Tensor) -> Tensor:
    """Overwrite alpha where the trimap says that a pixel is background or foreground.

    Args:
        alpha: ``(N, 1, H, W)`` in 0..1.
        trimap: ``(N, 1, H, W)``; up to 0.25 is background, from 1 on foreground, and up to 0.75
            from 0.25 on unknown entirely, so that 127 and 128 of 255 both are.

    Returns:
        ``(N, 1, H, W)``: 0 at background, 1 at foreground, ``alpha`` where unknown.
    """
    foreground = functional.relu(4 * trimap - 3)
    background = functional.relu(1 - 4 * trimap)
    return foreground + alpha * (1 - foreground - background)


class MatteOneLevel(nn.Module):
    """The exported form of a network that looks back at stride 16.

    Input:
        frame, trimap, valid, past_f16: as in ``tiers.rows.stfam``.

    Output:
        alpha, valid_next, past_f16_next.
    """

    def __init__(self, network: Stfam) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, frame: Tensor, trimap: Tensor, valid: Tensor, past_f16: Tensor
    ) -> tuple[Tensor, ...]:
        """Matte one frame."""
        alpha, valid_next, past_next = self.network(frame, trimap, valid, (past_f16,))
        return (alpha, valid_next, *past_next)


class MatteTwoLevels(nn.Module):
    """The exported form of a network that looks back at strides 16 and 8.

    Input:
        frame, trimap, valid, past_f16, past_f8: as in ``tiers.rows.stfam``.

    Output:
        alpha, valid_next, past_f16_next, past_f8_next.
    """

    def __init__(self, network: Stfam) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, frame: Tensor, trimap: Tensor, valid: Tensor, past_f16: Tensor, past_f8: Tensor
    ) -> tuple[Tensor, ...]:
        """Matte one frame."""
        alpha, valid_next, past_next = self.network(frame, trimap, valid, (past_f16, past_f8))
        return (alpha, valid_next, *past_next)


class MatteThreeLevels(nn.Module):
    """The exported form of a network that looks back at strides 16, 8 and 4.

    Input:
        frame, trimap, valid, past_f16, past_f8, past_f4: as in ``tiers.rows.stfam``.

    Output:
        alpha, valid_next, past_f16_next, past_f8_next, past_f4_next.
    """

    def __init__(self, network: Stfam) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        frame: Tensor,
        trimap: Tensor,
        valid: Tensor,
        past_f16: Tensor,
        past_f8: Tensor,
        past_f4: Tensor,
    ) -> tuple[Tensor, ...]:
        """Matte one frame."""
        past = (past_f16, past_f8, past_f4)
        alpha, valid_next, past_next = self.network(frame, trimap, valid, past)
        return (alpha, valid_next, *past_next)


# A program's inputs are its forward's parameters, so every number of levels has its own.
_MATTE = (MatteOneLevel, MatteTwoLevels, MatteThreeLevels)


def build(spec: TierSpec) -> Stfam:
    """Return the network of a row."""
    return Stfam(spec.shaped(StfamShape))


def programs(network: nn.Module, spec: TierSpec) -> dict[str, nn.Module]:
    """Return the exportable programs of a row by name.

    Raises:
        TypeError: If the network is none of these.
    """
    if not isinstance(network, Stfam):
        msg = f"programs of {spec.network} need a Stfam, not a {type(network).__name__}"
        raise TypeError(msg)
    return {"matte": _MATTE[len(network.aligned) - 1](network)}
