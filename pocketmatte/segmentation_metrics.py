"""Overlap of masks: the Jaccard index, which the field calls intersection over union (IoU).

J of the DAVIS benchmark is this index of one object in one frame, see ``iou``.

``|P and T| / |P or T|`` of the pixels P that a prediction and T that the truth call foreground:
Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 2010, section 4.1.2.
"""

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Mask: TypeAlias = npt.NDArray[Any]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

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


def flipped_share(pred: Mask, true: Mask) -> float:
    """Return the share of soft values that lie on different sides of one half, 0 to 1."""
    return float(((pred >= _THRESHOLD) != (true >= _THRESHOLD)).mean())


def mean_iou(pairs: Iterable[tuple[Mask, Mask]], threshold: float = _THRESHOLD) -> float:
    """Return the mean of the pictures' IoUs: every picture counts the same.

    ``1/n sum_i |P_i and T_i| / |P_i or T_i|``: the mean of J (see ``iou``), over pictures.

    Args:
        pairs: Predicted and true mask of every picture; sizes may differ between pictures.
        threshold: See ``iou``.

    Raises:
        ValueError: If there is no pair, or as ``iou`` does.
    """
    values = [iou(pred, true, threshold) for pred, true in pairs]
    if not values:
        msg = "there is no pair of masks; a mean needs at least one"
        raise ValueError(msg)
    return sum(values) / len(values)


def confusion(pred: Mask, true: Mask, classes: int) -> npt.NDArray[np.int64]:
    """Count the pixels of every pair of a predicted and a true class; counts of frames add up.

    Args:
        pred: Whole numbers from 0 to ``classes - 1``, of any shape.
        true: Of the same shape, likewise.
        classes: Number of classes.

    Returns:
        ``(classes, classes)``: row is the true class, column the predicted one.

    Raises:
        ValueError: If the shapes differ or there is no such class.
    """
    if pred.shape != true.shape:
        msg = f"the shapes differ: {pred.shape} and {true.shape}; resize one to the other"
        raise ValueError(msg)
    for name, labels in (("pred", pred), ("true", true)):
        if labels.size and not 0 <= labels.min() <= labels.max() < classes:
            msg = f"{name} holds class {labels.max()}; {classes} classes are 0 to {classes - 1}"
            raise ValueError(msg)
    pairs = true.astype(np.int64).ravel() * classes + pred.astype(np.int64).ravel()
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def accuracy(counts: npt.NDArray[np.int64]) -> float:
    """Return the share of the pixels whose class is right, from the counts of ``confusion``.

    Raises:
        ValueError: If nothing was counted.
    """
    if not counts.sum():
        msg = "no pixel was counted; a share needs at least one"
        raise ValueError(msg)
    return float(np.trace(counts) / counts.sum())


def class_mean_iou(counts: npt.NDArray[np.int64]) -> float:
    """Return the mean over classes of their IoU, from the counts of ``confusion``.

    ``n_cc / (sum_j n_cj + sum_j n_jc - n_cc)`` for class c: Everingham et al., IJCV 2010. A class
    that is neither true nor predicted anywhere says nothing and is left out.

    Raises:
        ValueError: If nothing was counted.
    """
    right = np.diagonal(counts)
    union = counts.sum(axis=0) + counts.sum(axis=1) - right
    if not union.any():
        msg = "no pixel was counted; a mean needs at least one"
        raise ValueError(msg)
    return float((right[union > 0] / union[union > 0]).mean())


def as_regions(pred: Mask, true: Mask, threshold: float) -> tuple[BoolArray, BoolArray]:
    """Return where two masks have foreground: ``pred >= threshold`` and ``true >= threshold``.

    Args:
        pred: ``(..., H, W)`` in 0..1.
        true: Of the same shape, in 0..1.
        threshold: Smallest value that counts as foreground, in (0, 1].

    Raises:
        ValueError: If the shapes differ, a mask has no pixels or values outside 0..1, or the
            threshold lies outside.
    """
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
    return np.asarray(pred >= threshold), np.asarray(true >= threshold)


def _areas(pred: Mask, true: Mask, threshold: float) -> tuple[int, int]:
    """Return the number of pixels in both masks and in either."""
    p, t = as_regions(pred, true, threshold)
    return int(np.count_nonzero(p & t)), int(np.count_nonzero(p | t))
