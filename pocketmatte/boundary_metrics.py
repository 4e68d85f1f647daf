"""How well contours of masks agree: the boundary measure F of the DAVIS benchmark.

Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation", CVPR
2016, section 4: F is the harmonic mean of precision and recall between the pixels of two contours.
The pairing of pixels is approximated as they do, by widening each contour with a disk: a pixel is
matched where the other contour has one within the tolerance.
"""

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

from pocketmatte.segmentation_metrics import Mask, as_regions

BoolArray: TypeAlias = npt.NDArray[np.bool_]

TOLERANCE = 0.008  # of the frame's diagonal, as the benchmark uses it
_THRESHOLD = 0.5


def contour(region: BoolArray) -> BoolArray:
    """Return the contour of a region: its pixels and those beside it where the two meet.

    A pixel belongs to it that differs from its neighbour to the right, below, or below to the
    right. The frame's own edge is no contour: a region that runs out of the frame is open there.

    Args:
        region: ``(H, W)``.

    Returns:
        ``(H, W)``.
    """
    beyond = np.pad(region, ((0, 1), (0, 1)), mode="edge")
    right, below, both = beyond[:-1, 1:], beyond[1:, :-1], beyond[1:, 1:]
    return np.asarray((region != right) | (region != below) | (region != both))


def boundary_f(
    pred: Mask, true: Mask, *, tolerance: float = TOLERANCE, threshold: float = _THRESHOLD
) -> float:
    """Return the boundary measure F of one mask, 0 (no contour pixel matched) to 1.

    ``2 P R / (P + R)`` with the precision P, the share of the predicted contour's pixels within
    ``ceil(tolerance * diagonal)`` pixels of the true contour, and the recall R the other way round.
    Where neither mask has a contour they agree: 1. Where one alone has, nothing matches: 0.

    Args:
        pred: ``(H, W)`` in 0..1.
        true: Of the same shape, in 0..1.
        tolerance: Share of the frame's diagonal, in 0..1; the distance is rounded up to pixels.
        threshold: Smallest value that counts as foreground, in (0, 1].

    Raises:
        ValueError: If the shapes differ or are no frames, a mask has no pixels or values outside
            0..1, or tolerance or threshold lies outside.
    """
    if not 0 <= tolerance <= 1:
        msg = f"tolerance is {tolerance}; it is a share of the diagonal, in 0..1"
        raise ValueError(msg)
    if pred.ndim != 2:
        msg = f"a mask is (H, W), not {pred.shape}; measure one frame and one object at a time"
        raise ValueError(msg)
    regions = as_regions(pred, true, threshold)
    found, wanted = (np.argwhere(contour(region)) for region in regions)
    if not len(found) or not len(wanted):
        return float(len(found) == len(wanted))
    radius_px = math.ceil(tolerance * math.hypot(*pred.shape))
    precision = _share_near(found, wanted, radius_px)
    recall = _share_near(wanted, found, radius_px)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _share_near(points: npt.NDArray[Any], others: npt.NDArray[Any], radius_px: int) -> float:
    """Return the share of ``(N, 2)`` points that have one of the others within the radius.

    The nearest neighbour says what dilation by a disk would, in time that goes with the contours'
    length instead of with the frame's area times the disk's.
    """
    # the bound is exclusive; squared distances are whole numbers, so that half a pixel adds none
    bound = math.sqrt(radius_px**2 + 0.5)
    distances, _ = KDTree(others).query(points, distance_upper_bound=bound)
    return float(np.isfinite(distances).mean())
