"""What a short run moves, and what it must not."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocketmatte.selection.on_device.calibrating import (
    LEAST_RUNS,
    LEAST_SECONDS,
    Calibrated,
    Trial,
    calibrated,
    tries_higher,
)

LIMIT_MS = 33.3
TIMES = st.floats(0.01, 200.0)


def ran(p95_ms: float | None, **changed: Any) -> Trial:
    """Return a run in which all went well."""
    good = Trial(
        ended="done", physical_device=True, debuggable=False, runs=LEAST_RUNS,
        seconds=LEAST_SECONDS, hottest=0, p95_ms=p95_ms,
    )  # fmt: skip
    return dataclasses.replace(good, **changed)


@given(held=st.integers(1, 5), own=TIMES, faster=st.floats(0.01, 1.0), higher=TIMES, data=st.data())
def test_a_faster_calibration_never_gives_a_lower_tier(
    held: int, own: float, faster: float, higher: float, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, held - 1))
    slow = calibrated(held, at, LIMIT_MS, ran(own), ran(higher))
    fast = calibrated(held, at, LIMIT_MS, ran(own * faster), ran(higher * faster))
    assert fast.at >= slow.at


@given(held=st.integers(1, 5), own=TIMES, higher=st.none() | TIMES, data=st.data())
def test_it_moves_by_one_tier_at_most_and_stays_among_those_that_are_held(
    held: int, own: float, higher: float | None, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, held - 1))
    above = None if higher is None else ran(higher)
    found = calibrated(held, at, LIMIT_MS, ran(own), above)
    assert abs(found.at - at) <= 1
    assert 0 <= found.at < held
    assert found.at <= at or (higher is not None and higher <= LIMIT_MS)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"ended": "cancelled"}, "cancelled"),
        ({"ended": "failed"}, "failed"),
        ({"physical_device": False}, "not_physical"),
        ({"debuggable": True}, "not_debuggable"),
        ({"hottest": 2}, "thermal_ok"),
        ({"runs": LEAST_RUNS - 1}, "min_runs_met"),
        ({"seconds": LEAST_SECONDS - 0.1}, "min_seconds_met"),
        ({"seconds": float("nan")}, "min_seconds_met"),
        ({"p95_ms": None}, "not_measured"),
        ({"p95_ms": float("nan")}, "not_measured"),
    ],
)
def test_a_run_that_says_nothing_changes_nothing(changed: dict[str, Any], why: Any) -> None:
    for p95_ms in (1.0, 99.0):
        found = calibrated(3, 1, LIMIT_MS, ran(**{"p95_ms": p95_ms, **changed}), None)
        assert found == Calibrated(at=1, why=why, valid=False)
    fast = ran(1.0)
    above = calibrated(3, 1, LIMIT_MS, fast, ran(**{"p95_ms": 1.0, **changed}))
    assert above == Calibrated(at=1, why=why, valid=False)
    assert not tries_higher(3, 1, LIMIT_MS, ran(**{"p95_ms": 1.0, **changed}))


def test_a_device_that_does_not_say_how_warm_it_is_goes_down_and_never_up() -> None:
    assert calibrated(3, 1, LIMIT_MS, ran(40.0, hottest=None), None).at == 0
    assert not tries_higher(3, 1, LIMIT_MS, ran(1.0, hottest=None))
    assert calibrated(3, 1, LIMIT_MS, ran(1.0), ran(1.0, hottest=None)).at == 1


def test_without_a_budget_there_is_nothing_to_calibrate() -> None:
    assert calibrated(3, 1, None, ran(1.0), ran(1.0)).why == "no_budget"
