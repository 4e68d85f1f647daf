"""Losses that train fine borders without a true matte: alpha changes as much as the picture does.

Directional distance consistency (DDC) is of Liu, Ye, Lu, Cao, Yue, "Training Matting Models
without Alpha Labels", AAAI 2025::

    DDC = 1/N sum_i sum_j | a_i - a_j - |I_i - I_j| |

over the pixels ``j`` of a window round ``i`` whose colours are nearest to its own. As
``I = a F + (1 - a) B``, the colours differ by ``|a_i - a_j| |F - B|``: DDC is right where
foreground and background are 1 apart. Yang, Zhou, Zhao, Tao, Loy, "MatAnyone: Stable Video Matting
with Consistent Memory Propagation", CVPR 2025, scale it by what they are::

    scaled DDC = 1/N sum_i sum_j | (a_i - a_j) |F - B| - |I_i - I_j| |

The two terms of a pair that is seen from both sides, with ``a_i - a_j`` and its negative, are least
together, and the same, wherever alphas differ by at most what colours do. So the least value is not
0, and both losses only forbid that alpha changes more than the picture. How many neighbours count
is not of the papers but was chosen here.
"""

import torch
from torch import Tensor

from pocketmatte.training.precision import at_least_float32

WINDOW_PX = 11  # as published
NEIGHBOURS = 8  # of a pixel; also how many pixels of a window F and B are the means of


def ddc_loss(
    alpha: Tensor,
    frame: Tensor,
    where: Tensor,
    *,
    window_px: int = WINDOW_PX,
    neighbours: int = NEIGHBOURS,
) -> Tensor:
    """Return the directional distance consistency of an alpha with its picture.

    Args:
        alpha: ``(N, 1, H, W)``, predicted; need not be clamped.
        frame: ``(N, 3, H, W)`` RGB in 0..1.
        where: ``(N, 1, H, W)`` bool, the pixels ``i``.
        window_px: Side of the window of the pixels ``j``, odd.
        neighbours: How many of them count, those of the nearest colours.

    Returns:
        The mean over the pixels ``i`` of the sum over ``j``; 0 if there is no ``i``.

    Raises:
        ValueError: If the window is not odd, or a corner of the picture has too few neighbours.
    """
    windows = _Windows(frame, where, window_px, neighbours)
    distance, steps = windows.nearest(alpha)
    return _mean(steps - distance)


def scaled_ddc_loss(
    alpha: Tensor,
    frame: Tensor,
    where: Tensor,
    *,
    window_px: int = WINDOW_PX,
    neighbours: int = NEIGHBOURS,
) -> Tensor:
    """Return DDC with alpha scaled by the distance of foreground and background.

    ``F`` and ``B`` of a pixel are the mean colours of the pixels of its window with the highest
    and the lowest alpha, as many as it has neighbours; no gradient goes through them. Where both
    are alike, the picture says nothing of alpha, and the term has no gradient.

    Args:
        alpha: As of ``ddc_loss``.
        frame: As of ``ddc_loss``.
        where: As of ``ddc_loss``.
        window_px: As of ``ddc_loss``.
        neighbours: As of ``ddc_loss``.

    Returns:
        As ``ddc_loss``.

    Raises:
        ValueError: As ``ddc_loss``.
    """
    windows = _Windows(frame, where, window_px, neighbours)
    distance, steps = windows.nearest(alpha)
    return _mean(steps * windows.contrast(alpha)[:, None] - distance)


class _Windows:
    """The windows round P chosen pixels of N pictures, of M other pixels each."""

    def __init__(self, frame: Tensor, where: Tensor, window_px: int, neighbours: int) -> None:
        radius = window_px // 2
        height, width = where.shape[2:]
        in_corner = (min(radius, height - 1) + 1) * (min(radius, width - 1) + 1) - 1
        if window_px % 2 == 0 or not 1 <= neighbours <= in_corner:
            msg = (
                f"window_px is {window_px} and neighbours {neighbours}; give an odd window and 1 "
                f"to {in_corner} neighbours, what a corner of {height} x {width} pixels has"
            )
            raise ValueError(msg)
        sample, y, x = where[:, 0].nonzero(as_tuple=True)
        reach = torch.arange(-radius, radius + 1, device=where.device)
        offsets = torch.cartesian_prod(reach, reach)
        dy, dx = offsets[(offsets != 0).any(1)].unbind(1)
        near_y, near_x = y[:, None] + dy, x[:, None] + dx  # (P, M)
        self._outside = (near_y < 0) | (near_y >= height) | (near_x < 0) | (near_x >= width)
        self._count = neighbours
        self._centre = sample, y, x
        self._near = (
            sample[:, None].expand_as(near_y),
            near_y.clamp(0, height - 1),
            near_x.clamp(0, width - 1),
        )
        pixels = at_least_float32(frame).permute(0, 2, 3, 1)
        self._colours = pixels[self._near]  # (P, M, 3)
        difference = self._colours - pixels[self._centre][:, None]
        self._apart = torch.linalg.vector_norm(difference, dim=2)

    def nearest(self, alpha: Tensor) -> tuple[Tensor, Tensor]:
        """Return colour distances and differences of alpha, both ``(P, neighbours)``."""
        apart = self._apart.masked_fill(self._outside, torch.inf)
        distance, chosen = apart.topk(self._count, dim=1, largest=False)
        values = at_least_float32(alpha)[:, 0]
        return distance, values[self._centre][:, None] - values[self._near].gather(1, chosen)

    def contrast(self, alpha: Tensor) -> Tensor:
        """Return the distance ``(P,)`` of the colours where alpha is highest and lowest."""
        values = at_least_float32(alpha.detach())[:, 0][self._near]
        means = []
        for largest, never in ((True, -torch.inf), (False, torch.inf)):
            ranked = values.masked_fill(self._outside, never)
            chosen = ranked.topk(self._count, dim=1, largest=largest).indices
            picked = self._colours.gather(1, chosen[:, :, None].expand(-1, -1, 3))
            means.append(picked.mean(1))
        apart: Tensor = torch.linalg.vector_norm(means[0] - means[1], dim=1)
        return apart


def _mean(differences: Tensor) -> Tensor:
    """Return the mean over pixels ``(P, neighbours)`` of the sum over neighbours."""
    total: Tensor = differences.abs().sum()
    return total / max(differences.shape[0], 1)
