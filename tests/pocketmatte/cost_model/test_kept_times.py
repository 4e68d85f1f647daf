"""The times that are kept give the rates that are shipped, and hold the limits of their errors."""

import json
import statistics
from typing import Any

import pytest

from benchmarks.cost_model_error import (
    KEPT,
    NETWORKS_LIMIT,
    TIERS_LIMIT,
    beyond,
    covered,
    main,
    timed_of,
)
from pocketmatte.cost_model.fitting import Timed, fitted, leave_out
from pocketmatte.cost_model.rates import host_rates


@pytest.fixture(scope="module")
def held() -> dict[str, Any]:
    """Return the kept times."""
    found: dict[str, Any] = json.loads(KEPT.read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def timed(held: dict[str, Any]) -> list[Timed]:
    """Return those of one format and recipe."""
    return timed_of(held)["executorch", "fp32"]


def test_the_shipped_rates_are_those_of_the_kept_times(timed: list[Timed]) -> None:
    fit, shipped = fitted("executorch", "fp32", timed), host_rates().fit("executorch", "fp32")
    assert shipped is not None
    assert shipped.rows == fit.rows
    for each in timed:  # rates that are zero here may be tiny there
        there = shipped.split(each.works).total
        assert there == pytest.approx(fit.split(each.works).total, rel=0.01)
    assert (shipped.low, shipped.high) == pytest.approx((fit.low, fit.high), rel=0.02)


def test_the_limits_of_the_errors_are_held(timed: list[Timed]) -> None:
    tiers = leave_out(timed, lambda each: each.tier)
    networks = leave_out(timed, lambda each: each.network)
    assert statistics.median(each.error for each in tiers) <= TIERS_LIMIT
    assert statistics.median(each.error for each in networks) <= NETWORKS_LIMIT
    assert statistics.median(beyond(timed)) <= NETWORKS_LIMIT
    assert covered(timed) >= 0.8


def test_times_that_no_work_explains_exceed_the_limits(
    held: dict[str, Any], tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row for row in held["rows"] if row[3:5] == ["onnx", "fp32"]]
    column = held["columns"].index("min_ms")
    shuffled = [[*row] for row in rows]
    for row, other in zip(shuffled, reversed(rows), strict=True):
        row[column], row[-1] = other[column], {}
    path = tmp_path / "times.json"
    path.write_text(json.dumps({**held, "rows": shuffled}))
    assert main([str(path)]) == 1
    path.write_text(json.dumps({**held, "rows": rows}))
    assert main([str(path)]) == 0
    assert "onnx fp32" in capsys.readouterr().out
