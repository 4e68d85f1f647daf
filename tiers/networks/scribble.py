"""Scribble to mask: correct a mask by a positive and a negative scribble, every round by itself.

The interface is that of S2M: Cheng, Tai, Tang, "Modular Interactive Video Object Segmentation"
(MiVOS), CVPR 2021, section 3.1. The elastic form puts MobileNetV3, a separable pyramid and a light
decoder behind it, for the crop around the scribbles that a phone corrects.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.aspp import LightAspp
from tiers.blocks.elastic import ElasticConv2d
from tiers.blocks.mobilenet_v3 import MobileNetV3Large
from tiers.blocks.normalise import ImageNetNormalise
from tiers.blocks.skip_decoder import SkipDecoder
from tiers.networks.scribble_official import OfficialScribble
from tiers.rows.scribble import OfficialShape, ScribbleShape
from tiers.spec import TierSpec


class Scribble(nn.Module):
    """Segment the subject that scribbles mean.

    Input:
        planes: ``(N, 6, H, W)``: RGB as ``normalise`` gives it, then current mask,
            positive and negative scribbles in 0..1; sides are multiples of 16.

    Output:
        logits: ``(N, 1, H, W)``; above 0 is the subject.
    """

    def __init__(self, shape: ScribbleShape) -> None:
        super().__init__()
        self.normalise = ImageNetNormalise()
        self.backbone = MobileNetV3Large(shape.width, shape.depth, planes=(3, 1, 1, 1), last=False)
        *taps, high = self.backbone.channels
        self.aspp = LightAspp(high, shape.context)
        skips = (taps[2], taps[1], taps[0])
        self.decoder = SkipDecoder((shape.context,), skips, shape.decoder, shape.residuals)
        self.head = ElasticConv2d((shape.decoder[-1],), (1,), 1, bias=True)

    def forward(self, planes: Tensor) -> Tensor:
        """Give the logits, decoded up to stride 2."""
        at2, at4, at8, at16 = self.backbone(planes)
        logits = self.head(self.decoder(self.aspp(at16), (at8, at4, at2)))
        return functional.interpolate(logits, scale_factor=2, mode="bilinear", align_corners=False)


class CorrectProgram(nn.Module):
    """The exported form of either network: pictures in, a soft mask out.

    Input:
        frame, mask, positive, negative: as in ``tiers.rows.scribble``.

    Output:
        refined.
    """

    def __init__(self, network: Scribble | OfficialScribble) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, frame: Tensor, mask: Tensor, positive: Tensor, negative: Tensor
    ) -> tuple[Tensor, ...]:
        """Correct the mask of one frame."""
        planes = torch.cat([self.network.normalise(frame), mask, positive, negative], dim=1)
        return (torch.sigmoid(self.network(planes)),)


def build(spec: TierSpec) -> Scribble | OfficialScribble:
    """Return the network of a row."""
    if isinstance(spec.shape, OfficialShape):
        return OfficialScribble()
    return Scribble(spec.shaped(ScribbleShape))


def programs(network: nn.Module, spec: TierSpec) -> dict[str, nn.Module]:
    """Return the exportable programs of a row by name.

    Raises:
        TypeError: If the network is not the one of ``spec``.
    """
    kind = OfficialScribble if isinstance(spec.shape, OfficialShape) else Scribble
    if not isinstance(network, kind):
        msg = f"programs of scribble {spec.name} need {kind.__name__}, not {type(network).__name__}"
        raise TypeError(msg)
    return {"correct": CorrectProgram(network)}
