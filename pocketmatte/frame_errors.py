"""The gradient and connectivity errors of one matte: Rhemann et al., CVPR 2009."""

import functools
import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from skimage.measure import label

Float64Array: TypeAlias = npt.NDArray[np.float64]

_GRAD_SIGMA = 1.4  # pixels
_GRAD_EPSILON = 1e-2  # weight of the Gaussian below which its tail is cut
_CONN_THETA = 0.15  # difference of alpha up to which a pixel counts as fully connected
_CONN_LEVELS = np.arange(11) / 10


def gradient_error(pred: Float64Array, true: Float64Array, *, normalize: bool) -> float:
    """Gradient error of one frame: ``sum (|grad pred| - |grad true|)²``, unscaled.

    The gradient is that of a Gaussian of sigma 1.4 pixels whose two derivative filters are cut
    where the Gaussian falls below 1e-2 and scaled to unit L2 norm; borders are repeated.

    Args:
        pred: ``(H, W)`` in 0..1.
        true: ``(H, W)`` in 0..1.
        normalize: Stretch each matte to 0..1 first; a constant one stays as it is, since its
            gradient is 0 either way.
    """
    if normalize:
        pred, true = _stretched(pred), _stretched(true)
    return float(np.square(_gradient(pred) - _gradient(true)).sum())


def connectivity_error(pred: Float64Array, true: Float64Array) -> float:
    """Connectivity error of one frame: ``sum |phi(pred) - phi(true)|``, unscaled.

    ``phi(alpha) = 1 - d`` where ``d = alpha - l`` is at least 0.15, and 1 elsewhere. ``l`` is the
    last of the levels 0, 0.1 .. 1 up to which the pixel has always been in the largest
    4-connected region where both mattes reach the level.

    Args:
        pred: ``(H, W)`` in 0..1.
        true: ``(H, W)`` in 0..1.
    """
    both = np.minimum(pred, true)
    connected = np.ones(both.shape, dtype=bool)
    last_level = np.zeros_like(both)
    for level in _CONN_LEVELS[1:]:
        connected &= _largest_region(both >= level)
        if not connected.any():
            break
        last_level[connected] = level
    return float(np.abs(_phi(pred - last_level) - _phi(true - last_level)).sum())


def _stretched(matte: Float64Array) -> Float64Array:
    low, high = float(matte.min()), float(matte.max())
    return (matte - low) / (high - low) if high > low else matte


def _gradient(matte: Float64Array) -> Float64Array:
    smooth, slope = _gaussian_taps()
    along_x = _convolved(_convolved(matte, smooth, axis=0), slope, axis=1)
    along_y = _convolved(_convolved(matte, slope, axis=0), smooth, axis=1)
    return np.asarray(np.hypot(along_x, along_y))


@functools.cache
def _gaussian_taps() -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The Gaussian and its derivative, each of unit L2 norm.

    The two-dimensional filters are outer products of these, so their norms are 1 as well.
    """
    cut = math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * _GRAD_SIGMA * _GRAD_EPSILON))
    half = math.ceil(_GRAD_SIGMA * cut)
    x = np.arange(-half, half + 1, dtype=np.float64)
    gaussian = np.exp(-(x**2) / (2 * _GRAD_SIGMA**2))
    slope = x * gaussian
    return (
        tuple((gaussian / np.linalg.norm(gaussian)).tolist()),
        tuple((slope / np.linalg.norm(slope)).tolist()),
    )


def _convolved(matte: Float64Array, taps: tuple[float, ...], *, axis: int) -> Float64Array:
    half = len(taps) // 2
    padding = [(0, 0), (0, 0)]
    padding[axis] = (half, half)
    padded = np.pad(matte, padding, mode="edge")
    result = np.zeros_like(matte)
    for offset, tap in enumerate(taps):
        window = slice(offset, offset + matte.shape[axis])
        result += tap * (padded[window] if axis == 0 else padded[:, window])
    return result


def _largest_region(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The largest 4-connected region; of equal ones the first in reading order."""
    regions = label(mask, connectivity=1)  # type: ignore[no-untyped-call]
    sizes = np.bincount(regions.ravel())[1:]  # 0 is the background
    return np.asarray(regions == sizes.argmax() + 1) if sizes.size else mask


def _phi(distance: Float64Array) -> Float64Array:
    return np.where(distance >= _CONN_THETA, 1 - distance, 1.0)
