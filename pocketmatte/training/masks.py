"""Masks and smooth pictures: the few operations that data preparation needs of scikit-image."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage import filters, measure, morphology, transform

Mask = NDArray[np.bool_]
FloatArray = NDArray[np.float32]


def blurred(values: NDArray[Any], sigma_px: float) -> FloatArray:
    """Gaussian blur of ``(H, W)`` or ``(H, W, C)`` values."""
    channel_axis = -1 if values.ndim == 3 else None
    result = filters.gaussian(  # type: ignore[no-untyped-call]
        values.astype(np.float32), sigma_px, channel_axis=channel_axis
    )
    return np.asarray(result, np.float32)


def enlarged(values: FloatArray, size_hw: tuple[int, int]) -> FloatArray:
    """Resize ``(H, W, C)`` values bilinearly."""
    result = transform.resize(  # type: ignore[no-untyped-call]
        values, size_hw, order=1, mode="edge"
    )
    return np.asarray(result, np.float32)


def grown(mask: Mask, radius_px: int) -> Mask:
    """Dilate by a disk."""
    return np.asarray(morphology.dilation(mask, _disk(radius_px)))


def shrunk(mask: Mask, radius_px: int) -> Mask:
    """Erode by a disk."""
    return np.asarray(morphology.erosion(mask, _disk(radius_px)))


def components(mask: Mask, min_share: float) -> list[Mask]:
    """The connected parts that fill at least ``min_share`` of the picture, largest first."""
    labels = np.asarray(measure.label(mask, connectivity=1))  # type: ignore[no-untyped-call]
    areas = np.bincount(labels.ravel())[1:]
    wanted = [i for i in np.argsort(-areas) if areas[i] >= min_share * mask.size]
    return [labels == i + 1 for i in wanted]


def without_holes(mask: Mask, max_share: float) -> Mask:
    """Fill holes smaller than ``max_share`` of the picture."""
    return np.asarray(morphology.remove_small_holes(mask, max_size=int(max_share * mask.size)))


def overlap(first: FloatArray, second: FloatArray) -> float:
    """Intersection over union of two alphas; 0 if both are empty."""
    union = float(np.maximum(first, second).sum())
    return float(np.minimum(first, second).sum()) / union if union else 0.0


def _disk(radius_px: int) -> Any:
    return morphology.disk(radius_px)  # type: ignore[no-untyped-call]
