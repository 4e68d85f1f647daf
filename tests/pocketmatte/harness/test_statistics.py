import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocketmatte.harness.statistics import PERCENTS, percentile, statistics

SAMPLES = st.lists(st.floats(0, 1e9), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1.0), (50, 2.5), (90, 3.7), (95, 3.85), (100, 4.0)]
)
def test_a_percentile_by_hand(percent: float, expected: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], percent) == pytest.approx(expected, rel=1e-12)


def test_statistics_by_hand() -> None:
    found = statistics([1.0, 2.0, 3.0, 4.0])
    assert (found.count, found.mean, found.min, found.max) == (4, 2.5, 1.0, 4.0)
    assert found.stddev == pytest.approx(math.sqrt(1.25), rel=1e-12)


@given(SAMPLES, st.floats(0, 100))
def test_a_percentile_is_numpys_linear_one(samples: list[float], percent: float) -> None:
    expected = float(np.percentile(samples, percent, method="linear"))
    assert percentile(samples, percent) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(SAMPLES)
def test_percentiles_rise_and_lie_between_the_extremes(samples: list[float]) -> None:
    found = [percentile(samples, percent) for percent in (0, *PERCENTS, 100)]
    assert all(low <= high + 1e-6 for low, high in itertools.pairwise(found))
    assert (found[0], found[-1]) == (min(samples), max(samples))


@pytest.mark.parametrize("samples", [[], [math.nan], [1.0, math.inf]])
def test_no_samples_and_such_as_are_not_finite_are_refused(samples: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one is needed, and all finite"):
        statistics(samples)


@pytest.mark.parametrize("percent", [-1, 100.5])
def test_a_percent_out_of_range_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match=r"it lies in 0\.\.100"):
        percentile([1.0], percent)
