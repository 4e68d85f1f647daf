"""Scores of mattes that every matting protocol shares."""

import dataclasses
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from pocketmatte.matting.trimap import UNKNOWN
from pocketmatte.metrics import MAD_SCALE, MSE_SCALE, MetricAccumulator
from pocketmatte.protocols.protocol import Column
from pocketmatte.runtimes.protocol import FloatArray

COLUMNS = (
    Column(name="mad", title="MAD", digits=2),
    Column(name="mse", title="MSE", digits=2),
    Column(name="grad", title="Grad", digits=2),
    Column(name="conn", title="Conn", digits=2),
    Column(name="dtssd", title="dtSSD", digits=2),
    Column(name="constant_mad", title="constant", digits=2),
)
UNKNOWN_COLUMNS = (
    Column(name="unknown_mse", title="unknown MSE", digits=2),
    Column(name="unknown_sad", title="unknown SAD", digits=2),
)

_SAD_SCALE = 1e-3
_LEVELS = 256  # a true matte is told apart in 8 bits


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class AlphaScores:
    """What the mattes of a clip reach.

    Attributes:
        frames: Frames measured.
        metrics: The fields of ``metrics.AlphaMetrics``, in published scale.
        constant_mad: MAD (x 1e3) of the best alpha that is the same everywhere: what a network
            that sees nothing could reach.
    """

    frames: int
    metrics: dict[str, float]
    constant_mad: float


class UnknownErrors:
    """Errors of mattes where their trimaps are unknown: what trimap-based matting reports."""

    def __init__(self) -> None:
        self._frames: list[tuple[float, float, float]] = []

    def add(self, predicted: FloatArray, true: FloatArray, trimap: FloatArray) -> None:
        """Add a frame: predicted and true matte in 0..1 and trimap, all of one shape."""
        error = np.subtract(predicted, true, dtype=np.float64)[trimap == UNKNOWN]
        if error.size:
            absolute = np.abs(error)
            self._frames.append((absolute.mean(), np.square(error).mean(), absolute.sum()))

    def named(self, prefix: str) -> dict[str, float]:
        """Return the means over the frames that have anything unknown, 0 where none has.

        They are ``unknown_mad`` and ``unknown_mse``, x 1e3, and ``unknown_sad``, the sum over the
        pixels / 1e3, behind a prefix.
        """
        means = np.mean(self._frames, axis=0) if self._frames else np.zeros(3)
        scaled = (means * (MAD_SCALE, MSE_SCALE, _SAD_SCALE)).tolist()
        names = ("unknown_mad", "unknown_mse", "unknown_sad")
        return {f"{prefix}{name}": value for name, value in zip(names, scaled, strict=True)}


def score_alpha(pairs: Iterable[tuple[FloatArray, FloatArray]]) -> AlphaScores:
    """Measure predicted and true mattes, ``(H, W)`` in 0..1 each, frame after frame.

    Raises:
        ValueError: If there is no frame, or sizes differ.
    """
    accumulator = MetricAccumulator()
    counts = np.zeros(_LEVELS, np.int64)
    frames = 0
    for predicted, true in pairs:
        accumulator.update(predicted, true)
        levels = (true * (_LEVELS - 1)).round().astype(np.uint8)
        counts += np.bincount(levels.ravel(), minlength=_LEVELS)
        frames += 1
    return AlphaScores(
        frames=frames,
        metrics=dataclasses.asdict(accumulator.result()),
        constant_mad=_best_constant_mad(counts),
    )


def _best_constant_mad(counts: npt.NDArray[np.int64]) -> float:
    """Return ``metrics.best_constant_mad`` of as many pixels of each 8-bit level."""
    levels = np.arange(_LEVELS)
    sums = np.abs(levels[:, None] - levels) @ counts  # a median is among the levels
    return float(sums.min() / counts.sum() / (_LEVELS - 1)) * MAD_SCALE


def mad_of(predicted: FloatArray, true: FloatArray) -> float:
    """Return the mean absolute difference of one frame, x 1e3."""
    return float(np.abs(predicted - true, dtype=np.float64).mean()) * MAD_SCALE


def mean(values: Iterable[float]) -> float:
    """Return the mean of at least one value."""
    return float(np.mean(list(values)))
