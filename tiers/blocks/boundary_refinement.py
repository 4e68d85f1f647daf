"""Boundary refinement: correct a coarse mask where it is unsure, seeing the picture at full size.

A small residual head behind a predictor, as the residual refinement module of Qin et al., "BASNet:
Boundary-Aware Salient Object Detection", CVPR 2019, section 3.3; here it sees the picture too, and
corrects where the coarse mask is uncertain, which is where Kirillov et al., "PointRend: Image
Segmentation as Rendering", CVPR 2020, section 3.1, place their points.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.conv_norm import conv_norm
from tiers.blocks.elastic import ElasticConv2d
from tiers.blocks.skip_decoder import Residual

_PICTURE = 3


class BoundaryRefinement(nn.Module):
    """Add a correction to coarse logits, weighted by ``4 p (1 - p)`` of their mask p.

    The weight is 1 where the mask is 0.5 and vanishes where it is sure: what lies well inside or
    outside stays as the decoder, which sees more of the picture around it, had it.

    Input:
        picture: ``(N, 3, H, W)``, normalised RGB at output size.
        logits: ``(N, 1, H/s, W/s)``, the coarse mask before its sigmoid; s is a power of two.
        hidden: ``(N, hidden, H/s, W/s)``, the features it was made from.

    Output:
        refined: ``(N, 1, H, W)``, logits at output size.

    Args:
        hidden: Channels of the features.
        channels: Channels at output size; half as many are taken from the features. Even.
        residuals: Residual blocks at output size.
    """

    def __init__(self, hidden: int, channels: int, residuals: int) -> None:
        super().__init__()
        taken = channels // 2
        self.reduce = conv_norm((hidden,), (taken,), 1, activation=nn.ReLU())
        self.join = conv_norm((_PICTURE, 1, taken), (channels,), 3, activation=nn.ReLU())
        self.residuals = nn.ModuleList(Residual(channels) for _ in range(residuals))
        self.correct = ElasticConv2d((channels,), (1,), 3, bias=True)

    def forward(self, picture: Tensor, logits: Tensor, hidden: Tensor) -> Tensor:
        """Correct the mask's border."""
        scale = float(picture.shape[2] // logits.shape[2])
        coarse = _enlarged(logits, scale)
        mask = torch.sigmoid(coarse)
        x = self.join(torch.cat([picture, mask, _enlarged(self.reduce(hidden), scale)], dim=1))
        for residual in self.residuals:
            x = residual(x)
        correction: Tensor = self.correct(x)
        return coarse + 4 * (mask - mask * mask) * correction


def _enlarged(x: Tensor, scale: float) -> Tensor:
    return functional.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)
