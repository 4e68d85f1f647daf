"""Each rule of docs/selection.md on a case small enough to be checked by hand."""

from pathlib import Path
from typing import Any

import pytest

from tests.pocketmatte.harness.results import good_result
from tests.pocketmatte.selection.shipped import (
    PHONES,
    TIERS,
    device_result,
    locked,
    numbers,
    reason,
    taken,
    write_bundle,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a bundle of rvm in all tiers, fp32 and fp16, for ExecuTorch."""
    return write_bundle(tmp_path / "bundle", sizes={"fp32": 1500, "fp16": 1000})


@pytest.mark.parametrize("tier", TIERS)
def test_without_a_measurement_the_class_decides_and_says_so(root: Path, tier: str) -> None:
    found = taken(locked(root, tier))
    assert (found.tier, found.recipe, found.basis, found.evidence) == (tier, "fp16", "prior", ())


def test_a_budget_that_nothing_measures_is_not_judged(root: Path) -> None:
    found = taken(locked(root, "t05", frame_ms=1.0, memory_mb=1.0))
    assert found.tier == "t05"
    assert found.frame_ms.state == found.memory_mb.state == "not judged: no measurement"
    assert (found.frame_ms.limit, found.frame_ms.value) == (1.0, None)


def test_without_a_budget_there_is_no_limit(root: Path) -> None:
    assert taken(locked(root)).frame_ms.state == "no limit"


def test_a_measurement_outranks_the_class_upwards(root: Path) -> None:
    result = device_result(root, "t12", p95_ms=30.0)
    found = taken(locked(root, "t11", result, frame_ms=33.3))
    assert (found.tier, found.basis, found.measured_class) == ("t12", "measured", "t11")
    assert (found.frame_ms.value, found.frame_ms.state) == (30.0, "kept")
    (evidence,) = found.evidence
    assert (evidence.run_id, evidence.device) == ("rvm-t12-fp16", "Galaxy S24 Ultra")
    assert found.delegate is not None
    assert (found.delegate.requested, found.delegate.actual) == ("xnnpack", "xnnpack")


def test_a_measurement_outranks_the_class_downwards(root: Path) -> None:
    result = device_result(root, "t08", p95_ms=30.0)
    lock = locked(root, "t11", result, frame_ms=33.3)
    assert (taken(lock).tier, taken(lock).basis) == ("t08", "measured")
    assert reason(lock, "t11") == "not_measured"
    assert numbers(lock, "t11") == {"measured_up_to": "t08"}


def test_a_policy_may_go_beyond_what_was_measured(root: Path) -> None:
    result = device_result(root, "t08", p95_ms=3.0)
    found = taken(locked(root, "t11", result, frame_ms=33.3, beyond_measured=True))
    assert (found.tier, found.basis) == ("t11", "prior")


def test_what_is_too_slow_is_out_and_so_is_what_is_larger(root: Path) -> None:
    result = device_result(root, "t09", p95_ms=33.4)
    lock = locked(root, "t11", result, frame_ms=33.3)
    assert (taken(lock).tier, taken(lock).basis) == ("t08", "prior")
    assert reason(lock, "t09") == "too_slow"
    assert numbers(lock, "t09") == {
        "p95_ms": 33.4, "limit_ms": 33.3, "device": "Galaxy S24 Ultra", "weak": False,
    }  # fmt: skip
    assert reason(lock, "t09", "fp32") == reason(lock, "t11") == "tier_too_slow"


def test_exactly_the_budget_is_kept(root: Path) -> None:
    result = device_result(root, "t11", p95_ms=33.3)
    assert taken(locked(root, "t11", result, frame_ms=33.3)).basis == "measured"


def test_frames_a_second_are_a_budget_in_ms(root: Path) -> None:
    result = device_result(root, "t11", p95_ms=34.0)
    lock = locked(root, "t11", result, frames_per_second=30)
    assert reason(lock, "t11") == "too_slow"
    assert numbers(lock, "t11")["limit_ms"] == pytest.approx(1000 / 30)


def test_what_needs_too_much_memory_is_out(root: Path) -> None:
    result = device_result(root, "t11", peak_bytes=300_000_001)
    lock = locked(root, "t11", result, memory_mb=300)
    assert reason(lock, "t11") == "too_large"
    assert numbers(lock, "t11")["peak_bytes"] == 300_000_001


def test_memory_that_was_not_measured_does_not_count_as_kept(root: Path) -> None:
    result = device_result(root, "t12")
    lock = locked(root, "t11", result, memory_mb=300)
    assert (taken(lock).tier, taken(lock).basis) == ("t11", "prior")
    assert reason(lock, "t12") == "above_class"
    required = locked(root, "t11", result, memory_mb=300, require_measurement=True, optional=True)
    assert reason(required, "t12") == "memory_not_measured"


def test_the_slowest_device_of_a_class_counts(root: Path) -> None:
    fast = device_result(root, "t11", p95_ms=10.0)
    slow = device_result(root, "t11", p95_ms=40.0, phone=PHONES["also t11"])
    lock = locked(root, "t11", fast, slow, frame_ms=33.3)
    assert reason(lock, "t11") == "too_slow"
    assert numbers(lock, "t11")["device"] == "Pixel 10"


def test_the_best_run_of_a_device_counts(root: Path) -> None:
    runs = [device_result(root, "t11", p95_ms=ms) for ms in (40.0, 10.0)]
    assert taken(locked(root, "t11", *runs, frame_ms=33.3)).frame_ms.value == 10.0


def test_a_budget_is_held_by_one_delegate_alone(root: Path) -> None:
    slow = device_result(root, "t11", p95_ms=40.0)
    fast = device_result(root, "t11", p95_ms=10.0, delegate="gpu")
    found = taken(locked(root, "t11", slow, fast, frame_ms=33.3))
    assert found.delegate is not None
    assert found.delegate.actual == "gpu"


def test_a_fallback_counts_and_says_what_ran(root: Path) -> None:
    result = device_result(root, "t11", status="fallback")
    result["execution"]["delegate_actual"] = "portable"
    found = taken(locked(root, "t11", result))
    assert found.delegate is not None
    assert (found.delegate.requested, found.delegate.actual) == ("xnnpack", "portable")


def invalid(root: Path, why: str) -> dict[str, Any]:
    """Return a result of t12 whose latency must not count, in one way."""
    result = device_result(root, "t12", p95_ms=1.0)
    valid = result["validity"]
    if why == "status":
        result["status"] = "invalid"
        valid["latency_valid"] = False
    elif why == "latency_invalid":
        valid["latency_valid"] = False
    elif why in ("host", "emulated"):
        result["execution"]["process"] = why
        valid |= {"physical_device": False, "latency_valid": False}
    elif why == "not_physical":
        result["device"]["emulator"] = True
        valid |= {"physical_device": False, "latency_valid": False}
    elif why == "not_measured":
        result["latency"] = []
    elif why == "other_files":
        result["subject"]["files"][0]["sha256"] = "f" * 64
    return result


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("status", "status"),
        ("latency_invalid", "latency_invalid"),
        ("host", "process"),
        ("emulated", "process"),
        ("not_physical", "not_physical"),
        ("not_measured", "not_measured"),
        ("other_files", "other_files"),
    ],
)
def test_what_is_no_valid_run_of_a_device_is_no_latency(root: Path, why: str, said: str) -> None:
    lock = locked(root, "t11", invalid(root, why))
    assert (taken(lock).tier, taken(lock).basis) == ("t11", "prior")
    assert [each.reason for each in lock.results] == [said]


def test_a_shell_stands_in_for_an_app_and_is_called_weaker(root: Path) -> None:
    found = taken(locked(root, "t11", device_result(root, "t12", process="adb_shell")))
    assert (found.tier, found.basis, found.process, found.weak) == (
        "t12", "measured", "adb_shell", True,
    )  # fmt: skip


def test_a_shell_never_counts_beside_an_app(root: Path) -> None:
    shell = device_result(root, "t12", process="adb_shell", p95_ms=1.0)
    app = device_result(root, "t09", p95_ms=20.0)
    lock = locked(root, "t11", shell, app)
    assert (taken(lock).tier, taken(lock).process, taken(lock).weak) == (
        "t09", "app_foreground", False,
    )  # fmt: skip
    assert {each.process: each.reason for each in lock.results} == {
        "adb_shell": "process", "app_foreground": None,
    }  # fmt: skip


def test_an_app_does_not_stand_in_for_a_shell(root: Path) -> None:
    lock = locked(root, "t11", device_result(root, "t12"), process="adb_shell")
    assert taken(lock).basis == "prior"


def test_what_a_weaker_device_was_fast_enough_with_a_stronger_one_gets(root: Path) -> None:
    result = device_result(root, "t12", phone=PHONES["t06"])
    found = taken(locked(root, "t11", result, frame_ms=33.3))
    assert (found.tier, found.basis, found.measured_class) == (
        "t12", "measured_on_weaker_class", "t06",
    )  # fmt: skip


def test_what_a_stronger_device_was_too_slow_with_a_weaker_one_does_not_get(root: Path) -> None:
    result = device_result(root, "t05", p95_ms=50.0)
    lock = locked(root, "t09", result, frame_ms=33.3)
    assert taken(lock).tier == "t04"
    assert reason(lock, "t09") == "above_higher_class"
    assert numbers(lock, "t09") == {"higher_class_tier": "t04"}


@pytest.mark.parametrize("status", ["parity_failed", "load_failed", "run_failed"])
def test_what_failed_on_a_device_of_a_class_that_class_does_not_get(
    root: Path, status: str
) -> None:
    result = device_result(root, "t11", status=status, latency=[])
    result["validity"] |= {"latency_valid": False, "min_runs_met": None, "min_seconds_met": None}
    result["parity"] = None
    if status == "parity_failed":
        output = good_output() | {"faults": ["psnr_db"]}
        result["parity"] = {"frames": 8, "outputs": [output], "sha256": "0" * 64, "passed": False}
    lock = locked(root, "t11", result)
    assert (taken(lock).tier, taken(lock).recipe) == ("t11", "fp32")
    assert reason(lock, "t11") == f"{status}_on_device"
    assert numbers(lock, "t11") == {"device": "Galaxy S24 Ultra", "run_id": "rvm-t11-fp16"}


def good_output() -> dict[str, Any]:
    found: dict[str, Any] = good_result()["parity"]["outputs"][0]
    return found


def test_a_run_that_later_went_well_makes_a_failed_one_good(root: Path) -> None:
    failed = device_result(root, "t11", status="run_failed", latency=[], parity=None)
    failed["validity"] |= {"latency_valid": False, "min_runs_met": None, "min_seconds_met": None}
    later = device_result(root, "t11", started_at="2026-01-03T00:00:00Z")
    assert taken(locked(root, "t11", failed, later)).recipe == "fp16"
    earlier = later | {"started_at": "2026-01-01T00:00:00Z"}
    assert reason(locked(root, "t11", failed, earlier), "t11") == "run_failed_on_device"


def test_a_wrong_matte_off_a_device_rules_a_file_out_everywhere(root: Path) -> None:
    result = device_result(root, "t11", status="parity_failed", process="emulated")
    result["device"]["platform"] = "linux"
    result["validity"] |= {"physical_device": False, "latency_valid": False}
    result["parity"] |= {"outputs": [good_output() | {"faults": ["mad"]}], "passed": False}
    assert reason(locked(root, "t11", result), "t11") == "parity_failed_elsewhere"


def test_where_a_measurement_is_required_nothing_else_is_taken(root: Path) -> None:
    lock = locked(root, require_measurement=True, optional=True)
    assert lock.groups[0].choices[0].taken is None
    assert {each.reason for each in lock.groups[0].choices[0].ruled_out} == {"not_measured"}
    measured = locked(root, "t11", device_result(root, "t02"), require_measurement=True)
    assert taken(measured).tier == "t02"


@pytest.mark.parametrize(
    ("prefer", "recipe"), [("speed", "fp32"), ("size", "fp16"), ("listed", "fp16")]
)
def test_among_files_of_a_tier_the_preference_decides(root: Path, prefer: str, recipe: str) -> None:
    fast = device_result(root, "t11", recipe="fp32", p95_ms=5.0)
    slow = device_result(root, "t11", recipe="fp16", p95_ms=9.0)
    lock = locked(root, "t11", fast, slow, prefer=prefer)
    assert taken(lock).recipe == recipe
    other = "fp16" if recipe == "fp32" else "fp32"
    assert reason(lock, "t11", other) == "not_preferred"


@pytest.mark.parametrize("prefer", ["speed", "size", "listed"])
def test_what_was_measured_is_preferred_to_what_was_not(root: Path, prefer: str) -> None:
    result = device_result(root, "t11", recipe="fp32", p95_ms=30.0)
    found = taken(locked(root, "t11", result, frame_ms=33.3, prefer=prefer))
    assert (found.recipe, found.basis) == ("fp32", "measured")
