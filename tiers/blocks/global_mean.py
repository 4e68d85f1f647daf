"""The mean over a feature map, summed in two steps.

XNNPACK adds up a whole map in one single-precision sum, whose rounding error grows with the map: at
working sizes of 768x432 and up the gates made from it put 1e-4 into every state. The mean of the
means of equal tiles is the same number with the error of two short sums.
"""

import math

from torch import Tensor, nn
from torch.nn import functional


def global_mean(x: Tensor) -> Tensor:
    """Return the mean over height and width.

    Args:
        x: ``(N, C, H, W)``.

    Returns:
        ``(N, C, 1, 1)``.
    """
    tile = (_tile(x.shape[2]), _tile(x.shape[3]))
    if tile != (1, 1):
        x = functional.avg_pool2d(x, tile, tile)
    return functional.adaptive_avg_pool2d(x, 1)


class GlobalMean(nn.Module):
    """``global_mean`` as a module.

    Input:
        x: ``(N, C, H, W)``.

    Output:
        y: ``(N, C, 1, 1)``.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Average."""
        return global_mean(x)


def _tile(side: int) -> int:
    """Return the largest divisor of ``side`` up to its square root."""
    return next(d for d in range(math.isqrt(side), 0, -1) if side % d == 0)
