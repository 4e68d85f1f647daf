import dataclasses
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pocketmatte.harness.choice import Budget, Measured, choose

BUDGET = Budget(frame_ms=33.0, peak_bytes=None, process="app_foreground")
STATUSES = ["ok", "fallback", "invalid", "load_failed", "run_failed", "parity_failed"]

MEASURED = st.builds(
    Measured,
    run_id=st.uuids().map(str),
    tier=st.sampled_from([f"t{number:02}" for number in range(1, 13)]),
    format=st.sampled_from(["executorch", "onnx"]),
    recipe=st.sampled_from(["fp32", "w8a8"]),
    status=st.sampled_from(STATUSES),
    process=st.sampled_from(["app_foreground", "adb_shell", "emulated"]),
    physical_device=st.booleans(),
    latency_valid=st.booleans(),
    flags=st.dictionaries(
        st.sampled_from(["thermal_ok", "min_runs_met"]), st.sampled_from([True, False, None])
    ),
    p95_ms=st.none() | st.floats(0.1, 100),
    peak_bytes=st.none() | st.integers(0, 100),
)


def measured(**changed: Any) -> Measured:
    usual = Measured(
        run_id="one", tier="t04", format="executorch", recipe="fp32", status="ok",
        process="app_foreground", physical_device=True, latency_valid=True, flags={}, p95_ms=10.0,
        peak_bytes=None,
    )  # fmt: skip
    return dataclasses.replace(usual, **changed)


def test_exactly_the_budget_is_kept() -> None:
    assert choose([measured(p95_ms=33.0)], BUDGET).run_id == "one"


def test_results_of_a_shell_do_not_choose_for_an_app() -> None:
    found = choose([measured(process="adb_shell")], BUDGET)
    assert (found.run_id, found.ruled_out) == (None, {"one": "process"})


def test_a_flag_that_nobody_could_tell_rules_nothing_out() -> None:
    assert choose([measured(flags={"not_debuggable": None})], BUDGET).run_id == "one"


@given(st.lists(MEASURED, max_size=12), st.floats(1, 60), st.none() | st.integers(0, 100))
def test_every_result_is_chosen_passed_over_or_ruled_out(
    results: list[Measured], frame_ms: float, peak_bytes: int | None
) -> None:
    budget = Budget(frame_ms=frame_ms, peak_bytes=peak_bytes, process="app_foreground")
    found = choose(results, budget)
    fitting = [each for each in results if each.run_id not in found.ruled_out]
    assert (found.run_id is None) == (not fitting)
    if fitting:
        chosen = next(each for each in results if each.run_id == found.run_id)
        assert chosen in fitting
        assert chosen.tier == max(each.tier for each in fitting)
        assert chosen.status in ("ok", "fallback")
        assert chosen.physical_device
        assert chosen.p95_ms is not None
        assert chosen.p95_ms <= frame_ms


@given(st.lists(MEASURED, max_size=12), st.floats(1, 60), st.floats(1, 60))
def test_a_larger_budget_never_chooses_a_lower_tier(
    results: list[Measured], one: float, other: float
) -> None:
    tiers = {each.run_id: each.tier for each in results}
    small, large = (
        choose(results, dataclasses.replace(BUDGET, frame_ms=each)) for each in sorted((one, other))
    )
    if small.run_id is not None:
        assert large.run_id is not None
        assert tiers[large.run_id] >= tiers[small.run_id]
