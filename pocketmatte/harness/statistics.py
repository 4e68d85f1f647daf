"""Statistics of latencies, the same in Python, C++, Kotlin and Swift: see docs/harness-protocol.md.

The standard library alone: a build step that reads results has nothing else.
"""

import dataclasses
import math
from collections.abc import Sequence

PERCENTS = (50, 90, 95, 99)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Statistics:
    """What is said of samples, all in the unit of these.

    Attributes:
        count: How many there are.
        mean, min, max: Of all.
        stddev: Of the samples themselves: divided by their count.
        p50, p90, p95, p99: See ``percentile``.
    """

    count: int
    mean: float
    min: float
    max: float
    stddev: float
    p50: float
    p90: float
    p95: float
    p99: float


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return a percentile, linear between the two nearest samples.

    With the samples sorted as ``x[0]..x[n-1]`` and ``r = (n - 1) * percent / 100``: ``x[floor(r)] +
    (r - floor(r)) * (x[floor(r) + 1] - x[floor(r)])``; definition 7 of Hyndman and Fan, "Sample
    Quantiles in Statistical Packages", The American Statistician 50(4), 1996.

    Args:
        samples: At least one, in any order.
        percent: 0 to 100.

    Raises:
        ValueError: If there is no sample, one is not finite, or ``percent`` is out of range.
    """
    if not samples or not all(map(math.isfinite, samples)):
        msg = f"{len(samples)} samples; at least one is needed, and all finite"
        raise ValueError(msg)
    if not 0 <= percent <= 100:
        msg = f"percent is {percent}; it lies in 0..100"
        raise ValueError(msg)
    ordered = sorted(samples)
    rank = (len(ordered) - 1) * percent / 100
    below = math.floor(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (rank - below) * (ordered[above] - ordered[below])


def statistics(samples: Sequence[float]) -> Statistics:
    """Return what is said of samples.

    Raises:
        ValueError: If there is none, or one is not finite.
    """
    p50, p90, p95, p99 = (percentile(samples, percent) for percent in PERCENTS)
    mean = math.fsum(samples) / len(samples)
    variance = math.fsum((sample - mean) ** 2 for sample in samples) / len(samples)
    return Statistics(
        count=len(samples), mean=mean, min=min(samples), max=max(samples),
        stddev=math.sqrt(variance), p50=p50, p90=p90, p95=p95, p99=p99,
    )  # fmt: skip
