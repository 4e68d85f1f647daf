"""Errors of alpha mattes, in the scales in which the field publishes them.

The five figures are those of robust video matting (Lin et al., WACV 2022): MAD, MSE,
Grad and Conn as Rhemann et al. define them (CVPR 2009), and dtSSD of Erofeev et al.
(BMVC 2015). The functions named after a metric give one unscaled value a frame; ``AlphaMetrics``
holds means over the frames in published scale. All sums are taken in float64.

| figure | published as |
|---|---|
| MAD, MSE | x 1e3 |
| Grad, Conn | / 1e3 |
| dtSSD | x 1e2 |
"""

import dataclasses
import itertools
import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pocketmatte.frame_errors import Float64Array, connectivity_error, gradient_error

FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]

MAD_SCALE = MSE_SCALE = 1e3
GRAD_SCALE = CONN_SCALE = 1e-3
DTSSD_SCALE = 1e2


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class AlphaMetrics:
    """Means over the frames of a sequence, in published scale; lower is better.

    Attributes:
        mad: Mean absolute difference, x 1e3.
        mse: Mean squared difference, x 1e3.
        grad: Gradient error, / 1e3.
        conn: Connectivity error, / 1e3.
        dtssd: Error of the change between frames, x 1e2; the first frame counts as 0.
    """

    mad: float
    mse: float
    grad: float
    conn: float
    dtssd: float


class MetricAccumulator:
    """Measure a sequence frame by frame, with two frames in memory.

    Args:
        normalize: See ``grad``.
    """

    def __init__(self, *, normalize: bool = True) -> None:
        self._normalize = normalize
        self._count = 0
        self._sums = np.zeros(5)
        self._last_error: Float64Array | None = None

    def update(self, pred_frame: FloatArray, true_frame: FloatArray) -> None:
        """Add one frame.

        Args:
            pred_frame: ``(H, W)`` in 0..1.
            true_frame: ``(H, W)`` in 0..1.

        Raises:
            ValueError: If a frame is not a finite floating-point matte, or a size differs.
        """
        pred, true = _checked(pred_frame, true_frame, ndim=2)
        error = pred - true
        if self._last_error is not None and error.shape != self._last_error.shape:
            msg = f"frame {self._count} is {error.shape}, those before {self._last_error.shape}"
            raise ValueError(msg)
        self._sums += (
            np.abs(error).mean(),
            np.square(error).mean(),
            gradient_error(pred, true, normalize=self._normalize),
            connectivity_error(pred, true),
            0.0 if self._last_error is None else _dtssd_frame(self._last_error, error),
        )
        self._count += 1
        self._last_error = error

    def result(self) -> AlphaMetrics:
        """Average what was added.

        Raises:
            ValueError: If no frame was added.
        """
        if not self._count:
            msg = "no frame was measured; add at least one"
            raise ValueError(msg)
        mad, mse, grad, conn, dtssd = (self._sums / self._count).tolist()
        return AlphaMetrics(
            mad=mad * MAD_SCALE,
            mse=mse * MSE_SCALE,
            grad=grad * GRAD_SCALE,
            conn=conn * CONN_SCALE,
            dtssd=dtssd * DTSSD_SCALE,
        )


def measure(pred: FloatArray, true: FloatArray, *, normalize: bool = True) -> AlphaMetrics:
    """Measure a whole sequence in published scale.

    Args:
        pred: ``(T, H, W)`` in 0..1.
        true: ``(T, H, W)`` in 0..1.
        normalize: See ``grad``.

    Raises:
        ValueError: If the shapes differ, there is no frame, or a value is not finite.
    """
    _check_shapes(pred, true, ndim=3)
    accumulator = MetricAccumulator(normalize=normalize)
    for pred_frame, true_frame in zip(pred, true, strict=True):
        accumulator.update(pred_frame, true_frame)
    return accumulator.result()


def mad(pred: FloatArray, true: FloatArray) -> Float64Array:
    """Mean absolute difference of each frame: ``mean |pred - true|``.

    Args:
        pred: ``(T, H, W)`` in 0..1.
        true: ``(T, H, W)`` in 0..1.

    Returns:
        ``(T,)`` in 0..1; published x 1e3.

    Raises:
        ValueError: If the shapes differ, there is no frame, or a value is not finite.
    """
    pred, true = _checked(pred, true, ndim=3)
    return np.asarray(np.abs(pred - true).mean(axis=(1, 2)))


def mse(pred: FloatArray, true: FloatArray) -> Float64Array:
    """Mean squared difference of each frame: ``mean (pred - true)²``.

    Takes and raises what ``mad`` does.

    Returns:
        ``(T,)`` in 0..1; published x 1e3.
    """
    pred, true = _checked(pred, true, ndim=3)
    return np.asarray(np.square(pred - true).mean(axis=(1, 2)))


def grad(pred: FloatArray, true: FloatArray, *, normalize: bool = True) -> Float64Array:
    """Gradient error of each frame: ``sum (|grad pred| - |grad true|)²``.

    The gradient is that of a Gaussian of sigma 1.4 pixels whose two derivative filters are cut
    where the Gaussian falls below 1e-2 and scaled to unit L2 norm; borders are repeated.

    Args:
        pred: ``(T, H, W)`` in 0..1.
        true: ``(T, H, W)`` in 0..1.
        normalize: Stretch each matte to 0..1 first, as the low-resolution protocol of robust
            video matting does. A constant matte stays as it is: its gradient is 0 either way.

    Returns:
        ``(T,)`` from 0; published / 1e3.

    Raises:
        ValueError: If the shapes differ, there is no frame, or a value is not finite.
    """
    pred, true = _checked(pred, true, ndim=3)
    frames = zip(pred, true, strict=True)
    return np.array([gradient_error(p, t, normalize=normalize) for p, t in frames])


def conn(pred: FloatArray, true: FloatArray) -> Float64Array:
    """Connectivity error of each frame: ``sum |phi(pred) - phi(true)|``.

    ``phi(alpha) = 1 - d`` where ``d = alpha - l`` is at least 0.15, and 1 elsewhere. ``l`` is the
    last of the levels 0, 0.1 .. 1 up to which the pixel has always been in the largest
    4-connected region where both mattes reach the level.

    Takes and raises what ``mad`` does.

    Returns:
        ``(T,)`` from 0; published / 1e3.
    """
    pred, true = _checked(pred, true, ndim=3)
    return np.array([connectivity_error(p, t) for p, t in zip(pred, true, strict=True)])


def dtssd(pred: FloatArray, true: FloatArray) -> Float64Array:
    """Error of the change from the frame before: ``sqrt(mean (d pred - d true)²)``.

    Takes and raises what ``mad`` does.

    Returns:
        ``(T,)`` from 0, the first always 0; published x 1e2.
    """
    pred, true = _checked(pred, true, ndim=3)
    error = pred - true
    changes = [_dtssd_frame(before, now) for before, now in itertools.pairwise(error)]
    return np.array([0.0, *changes])


def best_constant_mad(true: FloatArray) -> float:
    """MAD of the best matte that is one value everywhere: the median of all pixels.

    Args:
        true: ``(T, H, W)`` in 0..1.

    Returns:
        The smallest ``mean |c - true|`` over all constants ``c``, x 1e3.

    Raises:
        ValueError: If there is no frame or a value is not finite.
    """
    true, _ = _checked(true, true, ndim=3, names=("true", "true"))
    return float(np.abs(true - np.median(true)).mean()) * MAD_SCALE


def psnr_db(reference: FloatArray, candidate: FloatArray) -> float:
    """Peak signal-to-noise ratio ``-10 log10(MSE)`` with peak 1, in dB; infinite when equal.

    Args:
        reference: Any shape.
        candidate: The same shape.

    Raises:
        ValueError: If the shapes differ, there is no value, or one is not finite.
    """
    reference, candidate = _checked(reference, candidate, names=("reference", "candidate"))
    error = float(np.square(reference - candidate).mean())
    return -10 * math.log10(error) if error else math.inf


def max_abs(reference: FloatArray, candidate: FloatArray) -> float:
    """Largest absolute difference; takes and raises what ``psnr_db`` does."""
    reference, candidate = _checked(reference, candidate, names=("reference", "candidate"))
    return float(np.abs(reference - candidate).max())


def _checked(
    first: FloatArray,
    second: FloatArray,
    *,
    ndim: int | None = None,
    names: tuple[str, str] = ("pred", "true"),
) -> tuple[Float64Array, Float64Array]:
    """Refuse what cannot be measured, and widen to float64."""
    _check_shapes(first, second, ndim=ndim)
    for name, array in zip(names, (first, second), strict=True):
        if not np.issubdtype(array.dtype, np.floating):
            msg = f"{name} is {array.dtype}; give floating-point values in 0..1"
            raise ValueError(msg)
        if bad := array.size - int(np.isfinite(array).sum()):
            msg = f"{name} holds NaN or infinity in {bad} of {array.size} values"
            raise ValueError(msg)
    return first.astype(np.float64), second.astype(np.float64)


def _check_shapes(first: FloatArray, second: FloatArray, *, ndim: int | None) -> None:
    if first.shape != second.shape:
        msg = f"the shapes differ: {first.shape} and {second.shape}; resize one to the other"
        raise ValueError(msg)
    if ndim is not None and first.ndim != ndim:
        wanted = "(T, H, W)" if ndim == 3 else "(H, W)"
        msg = f"the shape is {first.shape}; it must be {wanted}"
        raise ValueError(msg)
    if first.size == 0:
        msg = f"there is nothing to measure in shape {first.shape}; give at least one frame"
        raise ValueError(msg)


def _dtssd_frame(before: Float64Array, now: Float64Array) -> float:
    # d pred - d true is the change of the error.
    return math.sqrt(float(np.square(now - before).mean()))
