"""How far two runs lie apart, and how sure that is: bounds of a ratio of percentiles.

The bounds are those of a circular block bootstrap. Samples of each run are drawn again in blocks of
neighbours, as many as there were, 2000 times; the bounds are the percentiles 2.5 and 97.5 of the
ratios of what was drawn. Blocks keep what neighbours share: a slow second slows all its frames.

Sources: percentile intervals: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993,
chapter 13. Circular blocks: Politis and Romano, "A circular block-resampling procedure for
stationary data", 1992. Length of a block: Carlstein, "The use of subseries values for estimating
the variance of a general statistic from a stationary sequence", Annals of Statistics 14(3), 1986.
Independent samples: Bayley and Hammersley, "The 'effective' number of independent observations in
an autocorrelated time series", 1946.

What changes from one run to the next and not within one, such as where the system put the threads,
is in no bound: only further runs show it.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import stats

Outcome: TypeAlias = Literal["more", "less", "same", "noisy"]

SURE_PERCENT = 95
PERCENTS = (50, 95)
LEAST_INDEPENDENT = {50: 15, 95: 40}  # with fewer the bounds are too narrow: docs/results.md
_RESAMPLES = 2000
_AT_ONCE = 500_000  # samples drawn, in memory
_MOST_SAMPLES = 4000  # of longer runs every second, third... is taken
_SEED = 20_260_101

_Samples: TypeAlias = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """A ratio, after to before, and what it may be as well.

    Attributes:
        ratio: Of all samples.
        low, high: Between them lie 95 of 100 bootstrapped ratios.
        enough: Whether both runs have the independent samples that such bounds take.
    """

    ratio: float
    low: float
    high: float
    enough: bool = True


def ratio_bounds(before: Sequence[int], after: Sequence[int]) -> dict[int, Bounds]:
    """Return the bounds of the ratio of medians and of 95th percentiles, by ``PERCENTS``.

    The same samples give the same bounds, everywhere.

    Args:
        before: Of one run, in the order they were taken; all above 0.
        after: Of the other run, likewise.

    Raises:
        ValueError: If there is no sample, or one that is not above 0.
    """
    if min(before, default=0) <= 0 or min(after, default=0) <= 0:
        msg = "every run needs samples, and all above 0"
        raise ValueError(msg)
    sides = [np.asarray(samples, dtype=np.float64) for samples in (before, after)]
    whole = [_percentiles(samples[np.newaxis])[0] for samples in sides]
    sides = [samples[:: math.ceil(len(samples) / _MOST_SAMPLES)] for samples in sides]
    independent = min(map(_independent, sides))
    drawn = [_drawn(samples, stream) for stream, samples in enumerate(sides)]
    ratios, spread = whole[1] / whole[0], drawn[1] / drawn[0]
    tail = (100 - SURE_PERCENT) / 2
    low, high = np.percentile(spread, (tail, 100 - tail), axis=0)
    return {
        percent: Bounds(
            ratio=float(ratios[i]), low=float(low[i]), high=float(high[i]),
            enough=independent >= LEAST_INDEPENDENT[percent],
        )
        for i, percent in enumerate(PERCENTS)
    }  # fmt: skip


def judged(bounds: Bounds, smallest: float) -> Outcome:
    """Say which way a ratio lies from 1, if its bounds are sure of it.

    ``more`` and ``less`` where all of the bounds lie beyond the smallest share that counts,
    ``same`` where all lie within it, ``noisy`` where they do not tell or are not to be trusted.

    Args:
        bounds: Of the ratio.
        smallest: The share, such as 0.03; as a ratio ``1 + smallest``, or 1 over that.
    """
    most, least = 1 + smallest, 1 / (1 + smallest)
    if not bounds.enough:
        return "noisy"
    if bounds.low > most:
        return "more"
    if bounds.high < least:
        return "less"
    return "same" if least <= bounds.low and bounds.high <= most else "noisy"


def _drawn(samples: _Samples, stream: int) -> _Samples:
    """Return percentiles of resamples, ``(resamples, percents)``."""
    count, length = len(samples), _block(samples)
    random = np.random.default_rng((_SEED, stream))
    found: list[_Samples] = []
    rows = max(1, _AT_ONCE // count)
    for first in range(0, _RESAMPLES, rows):
        drawn = min(rows, _RESAMPLES - first)
        starts = random.integers(count, size=(drawn, math.ceil(count / length), 1))
        places = (starts + np.arange(length)).reshape(drawn, -1)[:, :count]
        found.append(_percentiles(samples.take(places, mode="wrap")))
    return np.concatenate(found)


def _percentiles(rows: _Samples) -> _Samples:
    """Return ``PERCENTS`` of each row, ``(rows, percents)``, as ``harness.statistics`` has them.

    Sorting is ten times as fast as ``np.percentile``.
    """
    ordered = np.sort(rows, axis=1)
    ranks = (rows.shape[1] - 1) * np.array(PERCENTS) / 100
    below = ranks.astype(int)
    above = np.minimum(below + 1, rows.shape[1] - 1)
    low, high = ordered[:, below], ordered[:, above]
    found: _Samples = low + (ranks - below) * (high - low)
    return found


def _likeness(samples: _Samples) -> float:
    """Return how much a sample is like the one before it, 0 to 0.99: the correlation of ranks.

    A few slow frames do not move ranks. Of few samples it comes out low by ``(1 + 3 r) / n``
    (Kendall, "Note on bias in the estimation of autocorrelation", Biometrika 41, 1954).
    """
    count = len(samples)
    ranks = stats.rankdata(samples) - (count + 1) / 2
    total = float(ranks @ ranks)
    found = float(ranks[:-1] @ ranks[1:]) / total if total else 0.0
    return min(max(found + (1 + 3 * found) / count, 0.0), 0.99)


def _block(samples: _Samples) -> int:
    """Return the length of a block: longer where neighbours are more alike, Carlstein's rule."""
    count, alike = len(samples), _likeness(samples)
    length: float = (math.sqrt(6) * alike / (1 - alike**2)) ** (2 / 3) * count ** (1 / 3)
    return min(max(1, round(length)), max(1, count // 4))


def _independent(samples: _Samples) -> float:
    """Return how many samples of a run that has no such likeness would tell as much."""
    alike = _likeness(samples)
    return len(samples) * (1 - alike) / (1 + alike)
