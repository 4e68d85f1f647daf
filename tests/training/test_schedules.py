import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pocketmatte.training.schedules import cosine, polynomial, stepped

few = settings(max_examples=40, deadline=None, derandomize=True)
progresses = st.floats(0, 1)


def halving(progress: float, *, warm_up: float = 0.0) -> float:
    return stepped(progress, drops=(0.9, 0.5), factor=0.5, warm_up=warm_up)


SCHEDULES: tuple[Callable[..., float], ...] = (cosine, polynomial, halving)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_without_warm_up_training_starts_at_the_peak(schedule: Callable[..., float]) -> None:
    assert schedule(0.0) == 1.0


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_rate_rises_in_a_straight_line_over_the_warm_up(
    schedule: Callable[..., float],
) -> None:
    rises = [schedule(progress, warm_up=0.2) for progress in (0.0, 0.05, 0.1, 0.15, 0.2)]
    assert rises == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])


@pytest.mark.parametrize("schedule", SCHEDULES)
@few
@given(first=progresses, second=progresses)
def test_after_the_warm_up_the_rate_never_rises_and_stays_in_0_1(
    schedule: Callable[..., float], first: float, second: float
) -> None:
    early, late = (0.1 + 0.9 * progress for progress in sorted((first, second)))
    assert 1 >= schedule(early, warm_up=0.1) >= schedule(min(late, 1.0), warm_up=0.1) >= 0


@pytest.mark.parametrize(
    ("progress", "factor"),
    [(0.25, (2 + math.sqrt(2)) / 4), (0.5, 0.5), (0.75, (2 - math.sqrt(2)) / 4), (1.0, 0.0)],
)
def test_the_cosine_by_hand(progress: float, factor: float) -> None:
    assert cosine(progress) == pytest.approx(factor, abs=1e-12)
    assert cosine(progress, least=0.2) == pytest.approx(0.2 + 0.8 * factor)
    after_warm_up = 0.4 + 0.6 * progress
    assert cosine(after_warm_up, warm_up=0.4) == pytest.approx(factor, abs=1e-12)


def test_the_polynomial_by_hand() -> None:
    assert polynomial(0.75, power=2.0) == pytest.approx(0.0625)
    assert polynomial(0.75, power=0.5, least=0.5) == pytest.approx(0.75)
    assert polynomial(0.6, power=1.0, warm_up=0.2) == pytest.approx(0.5)
    assert polynomial(1.0) == 0.0


def test_steps_drop_where_they_are_said_to() -> None:
    rates = [stepped(progress, drops=(5 / 6,)) for progress in (0.0, 0.83, 5 / 6, 1.0)]
    assert rates == pytest.approx([1.0, 1.0, 0.1, 0.1])
    assert halving(0.49) == 1.0
    assert halving(0.5) == 0.5
    assert halving(0.9) == 0.25
    assert stepped(0.7, drops=()) == 1.0


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("progress", [-0.01, 1.01, math.nan])
def test_a_progress_outside_the_training_is_refused(
    schedule: Callable[..., float], progress: float
) -> None:
    with pytest.raises(ValueError, match=f"progress is {progress}; it must lie in"):
        schedule(progress)


def test_senseless_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"warm_up is 1\.0"):
        cosine(0.5, warm_up=1.0)
    with pytest.raises(ValueError, match=r"least is 1\.5"):
        cosine(0.5, least=1.5)
    with pytest.raises(ValueError, match=r"power is 0\.0"):
        polynomial(0.5, power=0.0)
    with pytest.raises(ValueError, match="factor is 2"):
        stepped(0.5, drops=(0.5,), factor=2)
    with pytest.raises(ValueError, match=r"a drop is 5000"):
        stepped(0.5, drops=(5000,))
