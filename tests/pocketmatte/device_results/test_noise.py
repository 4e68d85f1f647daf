"""Verdicts over samples whose truth is known: how often they are wrong, and how often found."""

import numpy as np
import pytest

from pocketmatte.device_results.noise import (
    LEAST_INDEPENDENT,
    Bounds,
    judged,
    ratio_bounds,
)
from tests.pocketmatte.device_results.made import samples

PAIRS = 300
SMALLEST = 0.03
# of 300 pairs; at the very limit 2.5 % are expected to be called slower, by either bound's level,
# and 5 % is more than three standard deviations above that
FALSE_ALARMS = 0.05


def share(
    outcome: str, scale: float, count: int = 60, alike: float = 0.0, percent: int = 50
) -> float:
    """The share of seeded pairs with that outcome, the later run slower by ``scale``."""
    found = 0
    for pair in range(PAIRS):
        before = samples(2 * pair, count, alike=alike)
        after = samples(2 * pair + 1, count, scale, alike=alike)
        found += judged(ratio_bounds(before, after)[percent], SMALLEST) == outcome
    return found / PAIRS


@pytest.mark.parametrize("alike", [0.0, 0.5, 0.8])
def test_runs_of_one_distribution_are_hardly_ever_called_slower_or_faster(alike: float) -> None:
    assert share("more", 1.0, alike=alike) <= 0.01
    assert share("less", 1.0, alike=alike) <= 0.01


@pytest.mark.parametrize("alike", [0.0, 0.5, 0.8])
def test_a_slowdown_of_just_the_limit_is_called_slower_no_more_often_than_stated(
    alike: float,
) -> None:
    assert share("more", 1 + SMALLEST, count=100, alike=alike) <= FALSE_ALARMS


def test_a_tenth_slower_is_found() -> None:
    assert share("more", 1.1) >= 0.95


def test_a_tenth_faster_is_found() -> None:
    assert share("less", 1 / 1.1) >= 0.95


def test_long_runs_of_one_distribution_are_called_the_same() -> None:
    assert share("same", 1.0, count=200) >= 0.95


def test_the_bounds_hold_the_truth_as_often_as_they_say() -> None:
    inside = {50: 0, 95: 0}
    for pair in range(PAIRS):
        bounds = ratio_bounds(samples(2 * pair), samples(2 * pair + 1, scale=1.2))
        for percent, each in bounds.items():
            inside[percent] += each.low <= 1.2 <= each.high
    assert all(0.91 <= each / PAIRS <= 0.99 for each in inside.values()), inside


def test_without_blocks_neighbours_that_are_alike_would_fool_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = share("more", 1 + SMALLEST, count=100, alike=0.8)
    monkeypatch.setattr("pocketmatte.device_results.noise._likeness", lambda _: 0.0)
    assert share("more", 1 + SMALLEST, count=100, alike=0.8) > 3 * FALSE_ALARMS > held


def test_the_same_samples_give_the_same_bounds() -> None:
    before, after = samples(1), samples(2)
    assert ratio_bounds(before, after) == ratio_bounds(before, after)


def test_a_run_beside_itself_is_not_drawn_alike_on_both_sides() -> None:
    bounds = ratio_bounds(samples(1), samples(1))[50]
    assert bounds.ratio == 1.0
    assert bounds.low < 1.0 < bounds.high


def test_few_samples_are_noisy_whatever_they_say() -> None:
    bounds = ratio_bounds([1000] * 2, [2000] * 2)[50]
    assert (bounds.low, bounds.enough, judged(bounds, SMALLEST)) == (2.0, False, "noisy")


def test_a_run_that_drifts_is_noisy() -> None:
    rising = [int(each) for each in np.linspace(5e6, 6e6, 60)]
    bounds = ratio_bounds(rising, [2 * each for each in rising])[50]
    assert not bounds.enough


def test_samples_that_do_not_differ_at_all_are_judged() -> None:
    bounds = ratio_bounds([1000] * 50, [1100] * 50)[50]
    assert (bounds.low, bounds.high, judged(bounds, SMALLEST)) == (1.1, 1.1, "more")


def test_one_slow_frame_does_not_make_a_median_slower() -> None:
    after = samples(2)
    after[10] *= 1000
    assert judged(ratio_bounds(samples(1), after)[50], SMALLEST) != "more"


def test_a_long_run_is_judged_by_a_part_of_it_and_told_as_a_whole() -> None:
    before, after = samples(1, 50_000), samples(2, 50_000, 1.1)
    bounds = ratio_bounds(before, after)[50]
    assert bounds.ratio == pytest.approx(np.median(after) / np.median(before))
    assert bounds.low < 1.1 < bounds.high
    assert judged(bounds, SMALLEST) == "more"


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (1.031, 1.2, "more"),
        (1.03, 1.2, "noisy"),
        (0.9, 0.97, "less"),
        (0.98, 1.02, "same"),
        (0.96, 1.02, "noisy"),
        (0.9, 1.2, "noisy"),
        (float("nan"), float("nan"), "noisy"),
    ],
)
def test_a_verdict_takes_all_of_the_bounds(low: float, high: float, outcome: str) -> None:
    assert judged(Bounds(ratio=1.0, low=low, high=high), SMALLEST) == outcome


@pytest.mark.parametrize(("before", "after"), [([], [1]), ([1], []), ([0, 1], [1]), ([1], [-1])])
def test_samples_that_cannot_be_divided_are_a_mistake(before: list[int], after: list[int]) -> None:
    with pytest.raises(ValueError, match="all above 0"):
        ratio_bounds(before, after)


def test_a_p95_takes_more_independent_samples_than_a_median() -> None:
    bounds = ratio_bounds(samples(1, 30), samples(2, 30))
    assert LEAST_INDEPENDENT[50] < LEAST_INDEPENDENT[95]
    assert (bounds[50].enough, bounds[95].enough) == (True, False)
