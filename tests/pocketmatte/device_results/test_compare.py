"""Runs that are alike are compared; what is otherwise is refused with the reason."""

from typing import Any

import pytest

from pocketmatte.device_results.compare import compare
from pocketmatte.device_results.reading import Kept
from tests.pocketmatte.device_results.changes import (
    AFTER,
    BEFORE,
    compared,
    debuggable,
    device,
    failed,
    fell_back,
    figure,
    figure_of,
    hurried,
    no_phone,
    only,
    process,
    saving,
    throttled,
    unread_heat,
)
from tests.pocketmatte.device_results.made import Change, emulated, kept, made, samples
from tiers.errors import UsageError


def test_a_slower_run_is_a_regression() -> None:
    found = compared(made("one", BEFORE), made("two", samples(2, scale=1.1)))
    p50 = figure(found, "p50")
    assert (p50.verdict, p50.regression, found.regressions) == ("slower", True, 1)
    assert p50.low is not None
    assert p50.high is not None
    assert p50.ratio is not None
    assert 1.03 < p50.low < p50.ratio < p50.high
    assert (only(found).before, only(found).after) == ("one", "two")
    assert only(found).figures[0] is p50  # regressions first


def test_a_faster_run_is_none() -> None:
    found = compared(made("one", BEFORE), made("two", samples(2, scale=0.9)))
    assert (figure(found, "p50").verdict, found.regressions) == ("faster", 0)


def test_what_the_samples_do_not_tell_is_noisy() -> None:
    found = compared(made("one", samples(1, 40, 1, 0.2)), made("two", samples(2, 40, 1, 0.2)))
    assert (figure(found, "p50").verdict, found.regressions) == ("noisy", 0)


def test_a_smallest_change_that_is_larger_lets_a_slower_run_pass() -> None:
    sides = [kept(made("one", BEFORE))], [kept(made("two", samples(2, scale=1.1)))]
    assert compare(*sides).regressions == 1
    assert figure(compare(*sides, smallest_percent=20.0), "p50").verdict == "same"


@pytest.mark.parametrize("percent", [0.0, -1.0, 101.0, float("nan"), float("inf")])
def test_a_smallest_change_that_cannot_be_is_wrong_use(percent: float) -> None:
    with pytest.raises(UsageError, match=r"--smallest is .*; it must be above 0 and at most 100"):
        compare([kept(made())], [kept(made("two"))], percent)


def test_slow_frames_that_a_median_does_not_see_are_seen_by_the_p95() -> None:
    def with_peaks(seed: int, scale: float) -> list[int]:
        taken = samples(seed, 200)
        return [int(each * (scale if i % 10 == 0 else 1)) for i, each in enumerate(taken)]

    found = compared(made("one", with_peaks(1, 1.0)), made("two", with_peaks(2, 2.0)))
    assert figure(found, "p50").verdict == "same"
    assert (figure(found, "p95").verdict, found.regressions) == ("slower", 1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (throttled, "throttled"),
        (debuggable, "a debug build"),
        (hurried, "too few runs"),
        (failed, "parity_failed"),
        (lambda r: r["thermal"][0].update(status=1), "other thermal state: "),
        (unread_heat, "other thermal state: "),
        (device(os_version="17"), "other system: "),
        (fell_back, "other delegate: "),
        (saving, "other low power mode: "),
    ],
)
def test_latencies_that_cannot_be_compared_are_refused_on_either_side(
    change: Change, reason: str
) -> None:
    changed, slow = made("one", BEFORE, change), made("two", samples(2, scale=2.0))
    for before, after in ((changed, slow), ({**slow, "run_id": "zero"}, changed)):
        p50 = figure_of("p50", before, after)
        assert (p50.verdict, p50.regression, p50.ratio) == ("refused", False, None)
        assert reason in str(p50.reason)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (no_phone, "before: no phone or tablet"),
        (device(model=None), "before: the device did not name itself"),
    ],
)
def test_latencies_of_nothing_that_can_be_named_are_refused(change: Change, reason: str) -> None:
    slow = samples(2, scale=2.0)
    assert figure_of("p50", made("one", BEFORE, change), made("two", slow, change)).reason == reason


def test_a_frame_of_no_time_is_refused() -> None:
    assert figure_of("p50", made("one", [0, *BEFORE]), made("two")).reason == (
        "before: a frame of 0 ns"
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (device(model="C"), "other device: android A B C arm64-v8a, then android A C C arm64-v8a"),
        (device(soc="D"), "other device: "),
        (device(platform="ios"), "other device: "),
        (process("app_foreground"), "other process: adb_shell, then app_foreground"),
        (lambda r: r["execution"].update(threads=2), "other number of threads: 1, then 2"),
        (lambda r: r["execution"].update(runtime="onnx"), "other runtime: executorch, then onnx"),
        (
            lambda r: r["execution"].update(delegate_requested="Q", delegate_actual="Q"),
            "other asked delegate: XnnpackBackend, then Q",
        ),
    ],
)
def test_runs_that_are_not_alike_are_not_compared(change: Change, reason: str) -> None:
    found = compared(made("one", BEFORE), made("two", samples(2, scale=2.0), change))
    assert found.compared == ()
    (apart,) = found.apart
    assert (apart.before, apart.after) == ("one", "two")
    assert apart.reason.startswith(reason)


def test_an_emulated_run_is_never_beside_one_of_a_phone() -> None:
    (apart,) = compared(emulated(), made("two")).apart
    assert "other process: emulated, then adb_shell" in apart.reason


def test_runs_of_other_tiers_have_nobody_on_the_other_side() -> None:
    other = made("two", None, lambda r: r["subject"].update(tier="t05"))
    reasons = [(each.before, each.after, each.reason) for each in compared(made(), other).apart]
    assert reasons == [("one", None, "before alone"), (None, "two", "after alone")]


def test_upright_files_are_other_files() -> None:
    upright = made("two", None, lambda r: r["subject"].update(orientation="portrait"))
    assert compared(made(), upright).compared == ()


def test_a_run_is_not_compared_with_itself() -> None:
    found = compared(made(), made())
    assert found.compared == ()
    assert [each.reason for each in found.apart] == ["one and the same run on both sides"]


def test_the_newest_of_several_runs_is_compared() -> None:
    def started(day: int) -> Change:
        return lambda r: r.update(started_at=f"2026-01-{day:02}T00:00:00Z")

    after = [made(f"run-{day}", AFTER, started(day)) for day in (3, 9, 5)]
    found = compare([kept(made("one", BEFORE))], [kept(each) for each in after])
    assert (only(found).after, found.older) == ("run-9", 2)


def test_each_device_is_compared_with_itself() -> None:
    def side(run: str, takes: dict[str, list[int]]) -> list[Kept]:
        return [kept(made(run, taken, device(model=model))) for model, taken in takes.items()]

    found = compare(
        side("one", {"P": samples(1), "Q": samples(2)}),
        side("two", {"P": samples(3), "Q": samples(4, scale=1.3)}),
    )
    assert [(each.device, each.regressions > 0) for each in found.compared] == [
        ("A Q", True), ("A P", False),
    ]  # fmt: skip


@pytest.mark.parametrize("change", [failed, fell_back, throttled])
def test_a_worse_status_is_a_regression_though_latencies_are_refused(change: Change) -> None:
    worse = figure_of("status", made("one", BEFORE), made("two", AFTER, change))
    assert (worse.verdict, worse.regression) == ("worse", True)
    better = figure_of("status", made("one", BEFORE, change), made("two", AFTER))
    assert (better.verdict, better.regression) == ("better", False)


def test_another_version_of_the_runtime_and_other_weights_are_told() -> None:
    def updated(result: dict[str, Any]) -> None:
        result["execution"]["runtime_version"] = "1.6"
        result["tool"]["version"] = "2"
        result["subject"]["weights_digest"] = "0" * 64

    pair = only(compared(made("one", BEFORE), made("two", AFTER, updated)))
    assert pair.notes == ("runtime 1.5.1, then 1.6", "a test 1, then 2", "other weights")
