"""Overlap of masks: the Jaccard index, which the field calls intersection over union (IoU).

``|P and T| / |P or T|`` of the pixels P that a prediction and T that the truth call foreground:
Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 2010, section 4.1.2.
"""

from collections.abc import Iterable
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Mask: TypeAlias = npt.NDArray[Any]
Value = TypeVar("Value")

_THRESHOLD = 0.5  # from here on a soft value counts as foreground


def iou(pred: Mask, true: Mask, threshold: float = _THRESHOLD) -> float:
    """Return the IoU of two masks, 0 (no overlap) to 1 (equal).

    ``|P and T| / |P or T|`` with ``P = pred >= threshold`` and ``T = true >= threshold``. Where
    neither has any foreground they agree: 1, as the DAVIS benchmark counts its region similarity J
    (Perazzi et al., CVPR 2016, section 4).

    Args:
        pred: ``(..., H, W)`` in 0..1.
        true: Of the same shape, in 0..1.
        threshold: Smallest value that counts as foreground, in (0, 1].

    Raises:
        ValueError: If the shapes differ, a mask has no pixels or values outside 0..1, or the
            threshold lies outside.
    """
    intersection, union = _areas(pred, true, threshold)
    return intersection / union if union else 1.0


def mean_iou(pairs: Iterable[tuple[Mask, Mask]], threshold: float = _THRESHOLD) -> float:
    """Return the mean of the pictures' IoUs: every picture counts the same.

    ``1/n sum_i |P_i and T_i| / |P_i or T_i|``: the mean of J (see ``iou``), over pictures.

    Args:
        pairs: Predicted and true mask of every picture; sizes may differ between pictures.
        threshold: See ``iou``.

    Raises:
        ValueError: If there is no pair, or as ``iou`` does.
    """
    values = _at_least_one([iou(pred, true, threshold) for pred, true in pairs])
    return sum(values) / len(values)


def pooled_iou(pairs: Iterable[tuple[Mask, Mask]], threshold: float = _THRESHOLD) -> float:
    """Return the IoU over the pixels of all pictures together: every pixel counts the same.

    ``sum_i |P_i and T_i| / sum_i |P_i or T_i|``: how PASCAL VOC counts one class. Large subjects
    weigh more than in ``mean_iou``.

    Args:
        pairs: As of ``mean_iou``.
        threshold: See ``iou``.

    Raises:
        ValueError: If there is no pair, or as ``iou`` does.
    """
    areas = _at_least_one([_areas(pred, true, threshold) for pred, true in pairs])
    union = sum(area for _, area in areas)
    return sum(area for area, _ in areas) / union if union else 1.0


def _at_least_one(values: list[Value]) -> list[Value]:
    if not values:
        msg = "there is no pair of masks; a mean needs at least one"
        raise ValueError(msg)
    return values


def _areas(pred: Mask, true: Mask, threshold: float) -> tuple[int, int]:
    """Return the number of pixels in both masks and in either."""
    if pred.shape != true.shape:
        msg = f"the shapes differ: {pred.shape} and {true.shape}; resize one to the other"
        raise ValueError(msg)
    if not 0 < threshold <= 1:
        msg = f"threshold is {threshold}; it must lie in (0, 1], or everything is foreground"
        raise ValueError(msg)
    for name, mask in (("pred", pred), ("true", true)):
        if not mask.size or not 0 <= mask.min() <= mask.max() <= 1:
            span = f"in {mask.min()}..{mask.max()}" if mask.size else "empty"
            msg = f"{name} is {span}; a mask has pixels, and their values lie in 0..1"
            raise ValueError(msg)
    p, t = pred >= threshold, true >= threshold
    return int(np.count_nonzero(p & t)), int(np.count_nonzero(p | t))
