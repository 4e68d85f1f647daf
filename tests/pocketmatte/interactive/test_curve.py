import pytest

from pocketmatte.interactive.curve import Curve, curve_of, extended, mean_over_rounds


def test_the_area_is_that_of_straight_lines_from_nothing_to_the_end_of_the_time() -> None:
    curve = Curve(seconds=(10.0, 30.0), values=(0.5, 0.9), budget_seconds=100.0)
    # 10 s on the way to 0.5: 2.5; 20 s from 0.5 to 0.9: 14; 70 s at 0.9: 63
    assert curve.area == pytest.approx((2.5 + 14 + 63) / 100)


def test_the_value_at_a_time_lies_on_the_line_between_two_rounds() -> None:
    curve = Curve(seconds=(50.0, 90.0), values=(0.4, 0.8), budget_seconds=240.0)
    assert curve.at(60.0) == pytest.approx(0.4 + 0.4 * 10 / 40)
    assert curve.at(25.0) == pytest.approx(0.2)
    assert curve.at(200.0) == pytest.approx(0.8)


def test_a_round_that_ends_too_late_does_not_count() -> None:
    curve = Curve(seconds=(20.0, 61.0), values=(0.5, 1.0), budget_seconds=60.0)
    assert curve.counted == 1
    assert curve.at(60.0) == 0.5
    assert curve.area == pytest.approx((5 + 20) / 60)


def test_a_round_that_ends_with_the_time_counts() -> None:
    assert Curve(seconds=(60.0,), values=(1.0,), budget_seconds=60.0).area == pytest.approx(0.5)


def test_where_no_round_is_in_time_nothing_was_reached() -> None:
    curve = Curve(seconds=(70.0,), values=(1.0,), budget_seconds=60.0)
    assert (curve.area, curve.at(60.0), curve.counted) == (0.0, 0.0, 0)


def test_the_time_goes_with_objects_and_rounds_and_rounds_add_up() -> None:
    curve = curve_of([1.0, 2.0], [0.5, 0.6], objects=2, rounds=8)
    assert curve.budget_seconds == 30 * 2 * 8
    assert curve.seconds == (1.0, 3.0)


@pytest.mark.parametrize(
    ("seconds", "values", "budget", "said"),
    [
        ((1.0,), (0.5, 0.6), 60.0, "1 times but 2 values"),
        ((2.0, 1.0), (0.5, 0.6), 60.0, "must rise from 0"),
        ((-1.0,), (0.5,), 60.0, "must rise from 0"),
        ((float("nan"),), (0.5,), 60.0, "must rise from 0"),
        ((1.0,), (1.5,), 60.0, "must lie in 0..1"),
        ((1.0,), (float("nan"),), 60.0, "must lie in 0..1"),
        ((1.0,), (0.5,), 0.0, "budget_seconds is 0.0"),
    ],
)
def test_what_is_no_curve_is_refused(
    seconds: tuple[float, ...], values: tuple[float, ...], budget: float, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Curve(seconds=seconds, values=values, budget_seconds=budget)


def test_rounds_that_were_not_needed_count_as_the_last() -> None:
    assert extended([0.5, 0.7], 4) == [0.5, 0.7, 0.7, 0.7]
    assert mean_over_rounds([0.5, 0.7], 4) == pytest.approx(0.65)
    with pytest.raises(ValueError, match="0 values of 4 rounds"):
        extended([], 4)
    with pytest.raises(ValueError, match="3 values of 2 rounds"):
        mean_over_rounds([0.1, 0.2, 0.3], 2)
