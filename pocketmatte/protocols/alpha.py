"""Scores of mattes that every matting protocol shares."""

import dataclasses
from collections.abc import Iterable

import numpy as np

from pocketmatte.metrics import MAD_SCALE, MetricAccumulator, best_constant_mad
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


def score_alpha(pairs: Iterable[tuple[FloatArray, FloatArray]]) -> AlphaScores:
    """Measure predicted and true mattes, ``(H, W)`` in 0..1 each, frame after frame.

    Raises:
        ValueError: If there is no frame, or sizes differ.
    """
    accumulator = MetricAccumulator()
    truths = []
    for predicted, true in pairs:
        accumulator.update(predicted, true)
        truths.append((true * 255).round().astype(np.uint8))  # a quarter of the floats' memory
    return AlphaScores(
        frames=len(truths),
        metrics=dataclasses.asdict(accumulator.result()),
        constant_mad=best_constant_mad(np.stack(truths).astype(np.float32) / 255),
    )


def mad_of(predicted: FloatArray, true: FloatArray) -> float:
    """Return the mean absolute difference of one frame, x 1e3."""
    return float(np.abs(predicted - true, dtype=np.float64).mean()) * MAD_SCALE


def mean(values: Iterable[float]) -> float:
    """Return the mean of at least one value."""
    return float(np.mean(list(values)))
