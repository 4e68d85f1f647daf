"""Deep guided filter: carry a low-resolution matte to full resolution.

Wu et al., "Fast End-to-End Trainable Guided Filter", CVPR 2018, conditioned on the decoder's hidden
features as in Lin et al., WACV 2022.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.elastic import ElasticConv2d

_INNER = 16
_PICTURE = 4  # foreground residual (3) and alpha (1); or RGB (3) and its mean (1)


class DeepGuidedFilter(nn.Module):
    """Upsample by local linear models ``y = A x + b`` of the frame.

    Input:
        fine: ``(N, 3, H, W)`` RGB in 0..1.
        coarse: ``(N, 3, h, w)``, the same frame at working size.
        residual: ``(N, 3, h, w)`` foreground minus frame.
        alpha: ``(N, 1, h, w)``.
        hidden: ``(N, C, h, w)`` decoder features.

    Output:
        residual: ``(N, 3, H, W)``.
        alpha: ``(N, 1, H, W)``, not yet clamped.
    """

    mean_weight: Tensor

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.box_filter = ElasticConv2d((_PICTURE,), (_PICTURE,), 3, groups=_PICTURE)
        self.box_filter.weight.data.fill_(1 / 9)
        self.conv = nn.Sequential(
            ElasticConv2d((_PICTURE, _PICTURE, hidden), (_INNER,), 1),
            nn.BatchNorm2d(_INNER),
            nn.ReLU(),
            ElasticConv2d((_INNER,), (_INNER,), 1),
            nn.BatchNorm2d(_INNER),
            nn.ReLU(),
            ElasticConv2d((_INNER,), (_PICTURE,), 1, bias=True),
        )
        # the channel mean as a convolution: XNNPACK does not take a mean over channels
        self.register_buffer("mean_weight", torch.full((1, 3, 1, 1), 1 / 3), persistent=False)

    def forward(
        self, fine: Tensor, coarse: Tensor, residual: Tensor, alpha: Tensor, hidden: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Fit the models at working size and apply them at full size."""
        slope, offset = self._models(coarse, residual, alpha, hidden)
        return (
            _at_full_size(slope[:, :3], offset[:, :3], fine),
            _at_full_size(slope[:, 3:], offset[:, 3:], self._mean(fine)),
        )

    def matted(
        self, fine: Tensor, coarse: Tensor, residual: Tensor, alpha: Tensor, hidden: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return what ``forward`` does, its residual added to the frame already.

        ``x + (A x + b)`` is ``(A + 1) x + b``, and 1 is added at working size: a pass less over
        the whole frame.

        Returns:
            Foreground ``(N, 3, H, W)`` and alpha ``(N, 1, H, W)``, not yet clamped.
        """
        slope, offset = self._models(coarse, residual, alpha, hidden)
        return (
            _at_full_size(slope[:, :3] + 1, offset[:, :3], fine),
            _at_full_size(slope[:, 3:], offset[:, 3:], self._mean(fine)),
        )

    def _models(
        self, coarse: Tensor, residual: Tensor, alpha: Tensor, hidden: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return slope and offset ``(N, 4, h, w)`` of foreground and alpha."""
        x = torch.cat([coarse, self._mean(coarse)], dim=1)
        y = torch.cat([residual, alpha], dim=1)
        mean_x = self.box_filter(x)
        mean_y = self.box_filter(y)
        covariance = self.box_filter(x * y) - mean_x * mean_y
        variance = self.box_filter(x * x) - mean_x * mean_x
        slope = self.conv(torch.cat([covariance, variance, hidden], dim=1))
        return slope, mean_y - slope * mean_x

    def _mean(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.mean_weight)


def _at_full_size(slope: Tensor, offset: Tensor, x: Tensor) -> Tensor:
    """Apply models of working size.

    Foreground and alpha are cut apart before and not after: no copy at full size.
    """
    size = x.shape[2:]
    slope = functional.interpolate(slope, size, mode="bilinear", align_corners=False)
    offset = functional.interpolate(offset, size, mode="bilinear", align_corners=False)
    return slope * x + offset
