"""Which files may be taken at all, and when eight bits pay, on cases checked by hand."""

from pathlib import Path
from typing import Any

import pytest

from pocketmatte.selection.lock import Lock
from tests.pocketmatte.selection.shipped import (
    TIERS,
    device_result,
    locked,
    manifest_of,
    numbers,
    reason,
    taken,
    write_bundle,
    write_json,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a bundle of rvm in all tiers, fp32 and fp16, for ExecuTorch."""
    return write_bundle(tmp_path / "bundle", sizes={"fp32": 1500, "fp16": 1000})


@pytest.fixture
def in_eight_bits(tmp_path: Path) -> Path:
    """Return one of t01 in fp32 and w8a8, which is smaller, but not 1.8 times."""
    sizes = {"fp32": 179, "w8a8": 100}
    recipes = ("fp32", "w8a8")
    return write_bundle(tmp_path / "bundle", tiers=("t01",), recipes=recipes, sizes=sizes)


def only_eight_bits(root: Path, *results: dict[str, Any]) -> Lock:
    return locked(root, "t11", *results, recipes=["w8a8"])


@pytest.mark.parametrize("size", [100, 99])
def test_eight_bits_pay_from_1_8_times_smaller_on(tmp_path: Path, size: int) -> None:
    sizes = {"fp32": 179, "w8a8": size}
    root = write_bundle(tmp_path / "bundle", tiers=("t01",), recipes=("fp32", "w8a8"), sizes=sizes)
    lock = only_eight_bits(root)
    if size == 99:  # 179 / 99 is 1.808
        assert taken(lock).eight_bits is not None
        assert reason(lock, "t01", "w8a8") is None
    else:
        assert reason(lock, "t01", "w8a8") == "eight_bits_do_not_pay"
        assert numbers(lock, "t01", "w8a8")["smaller"] == 1.79


@pytest.mark.parametrize(("fp32_ms", "pays"), [(11.0, True), (10.9, False)])
def test_eight_bits_pay_from_1_1_times_faster_on(
    in_eight_bits: Path, fp32_ms: float, pays: bool
) -> None:
    results = [
        device_result(in_eight_bits, "t01", recipe=recipe, p95_ms=ms)
        for recipe, ms in (("fp32", fp32_ms), ("w8a8", 10.0))
    ]
    lock = only_eight_bits(in_eight_bits, *results)
    assert (reason(lock, "t01", "w8a8") is None) is pays
    if pays:
        bits = taken(lock).eight_bits
        assert bits is not None
        assert (bits.faster, bits.faster_by) == (1.1, "device")


def host_times(root: Path, fp32_ms: float, w8a8_ms: float) -> None:
    times = {"fp32": fp32_ms, "w8a8": w8a8_ms}
    rows = [
        {"path": each["path"], "sha256": each["sha256"], "min_ms": times[each["recipe"]]}
        for each in manifest_of(root)["artifacts"]
    ]
    reference: dict[str, Any] = {"path": None, "sha256": None, "min_ms": 50.0}
    write_json(root / "results" / "latency.json", {"latencies": [reference, *rows]})


@pytest.mark.parametrize(("fp32_ms", "pays"), [(12.0, True), (10.9, False)])
def test_the_host_is_a_weak_prior_of_what_eight_bits_gain(
    in_eight_bits: Path, fp32_ms: float, pays: bool
) -> None:
    host_times(in_eight_bits, fp32_ms, 10.0)
    lock = only_eight_bits(in_eight_bits)
    assert (reason(lock, "t01", "w8a8") is None) is pays
    if pays:
        bits = taken(lock).eight_bits
        assert bits is not None
        assert (bits.faster, bits.faster_by) == (1.2, "host")
        assert taken(lock).frame_ms.value is None


def test_what_a_device_says_of_eight_bits_outranks_the_host(in_eight_bits: Path) -> None:
    host_times(in_eight_bits, 20.0, 10.0)
    results = [
        device_result(in_eight_bits, "t01", recipe=recipe, p95_ms=10.0)
        for recipe in ("fp32", "w8a8")
    ]
    lock = only_eight_bits(in_eight_bits, *results)
    assert reason(lock, "t01", "w8a8") == "eight_bits_do_not_pay"
    assert numbers(lock, "t01", "w8a8")["faster_by"] == "device"


def test_eight_bits_without_single_precision_beside_them_prove_nothing(tmp_path: Path) -> None:
    root = write_bundle(tmp_path / "bundle", tiers=("t01",), recipes=("w8a8",))
    assert reason(only_eight_bits(root), "t01", "w8a8") == "eight_bits_do_not_pay"


def test_what_verify_failed_is_never_taken(tmp_path: Path) -> None:
    failed = {"rvm/t05/matte-fp16.pte": "failed"}
    root = write_bundle(tmp_path / "bundle", statuses=failed)
    lock = locked(root, "t05", device_result(root, "t05"), allow_unverified=True)
    assert (taken(lock).tier, taken(lock).recipe) == ("t05", "fp32")
    assert reason(lock, "t05") == "verify_failed"


@pytest.mark.parametrize("status", ["checked", "not run", "stale"])
def test_what_nobody_verified_is_taken_only_where_a_policy_says_so(
    tmp_path: Path, status: str
) -> None:
    name = "rvm/t01/matte-fp16.pte"
    root = write_bundle(
        tmp_path / "bundle",
        tiers=("t01",),
        recipes=("fp16",),
        statuses={name: "checked"},
        verified=status != "not run",
    )
    if status == "stale":  # proven once, but of another file
        row = {"path": name, "sha256": "e" * 64, "status": "proven", "parity": None}
        write_json(root / "results" / "parity.json", {"artifacts": [row]})
    assert reason(locked(root), "t01") == "not_verified"
    found = taken(locked(root, allow_unverified=True))
    assert found.verified == ("checked" if status == "checked" else "not run")


def test_a_network_is_as_verified_as_the_worst_of_its_programs(tmp_path: Path) -> None:
    root = write_bundle(
        tmp_path / "bundle",
        networks=("fusion",),
        tiers=("t01",),
        recipes=("fp16",),
        statuses={"fusion/t01/fuse-fp16.pte": "evaluated"},
    )
    assert taken(locked(root)).verified == "evaluated"


def test_a_network_without_one_of_its_programs_is_incomplete(tmp_path: Path) -> None:
    root = write_bundle(tmp_path / "bundle", networks=("fusion",), tiers=("t01",))
    manifest = manifest_of(root)
    gone = manifest["artifacts"].pop(0)
    write_json(root / "manifest.json", manifest)
    lock = locked(root)
    assert reason(lock, "t01", gone["recipe"]) == "incomplete"
    assert numbers(lock, "t01", gone["recipe"]) == {"missing": gone["program"]}


def test_below_the_floor_there_is_nothing(root: Path) -> None:
    lock = locked(root, "t02", minimum_tier="t03", optional=True)
    assert lock.groups[0].choices[0].taken is None
    assert reason(lock, "t02") == "below_floor"
    assert reason(lock, "t03") == "above_class"


def test_a_floor_of_quality_is_held(root: Path) -> None:
    assert taken(locked(root, least_psnr_db=60.0)).tier == "t11"
    lock = locked(root, least_psnr_db=60.1, optional=True)
    assert reason(lock, "t11") == "quality_too_low"
    assert numbers(lock, "t11") == {"psnr_db": 60.0, "least_psnr_db": 60.1}


def test_quality_that_verify_does_not_know_is_not_measured(tmp_path: Path) -> None:
    root = write_bundle(tmp_path / "bundle", tiers=("t01",), verified=False)
    lock = locked(root, least_psnr_db=1.0, allow_unverified=True, optional=True)
    assert reason(lock, "t01") == "quality_not_measured"


def test_a_download_that_is_too_large_is_out(root: Path) -> None:
    recipes = ["fp32", "fp16"]
    assert taken(locked(root, download_mb=0.0015, recipes=recipes)).recipe == "fp32"
    lock = locked(root, download_mb=0.001, recipes=recipes)
    assert taken(lock).recipe == "fp16"
    assert numbers(lock, "t11", "fp32") == {"download_mb": 0.0015, "limit_mb": 0.001}


def test_only_the_formats_of_the_platform_are_taken(tmp_path: Path) -> None:
    formats = ("executorch", "coreml")
    root = write_bundle(tmp_path / "bundle", tiers=("t01",), formats=formats)
    lock = locked(root)
    assert taken(lock).format == "executorch"
    assert reason(lock, "t01", form="coreml") == "format_not_allowed"
    swapped = locked(root, formats={"android": ["coreml"]})
    assert taken(swapped).format == "coreml"
    assert reason(swapped, "t01") == "format_not_allowed"


def test_only_the_recipes_of_the_policy_are_taken(root: Path) -> None:
    lock = locked(root, recipes=["fp32"])
    assert taken(lock).recipe == "fp32"
    assert reason(lock, "t11") == "recipe_not_allowed"


def test_what_is_not_built_is_said_once_a_tier(tmp_path: Path) -> None:
    root = write_bundle(tmp_path / "bundle", tiers=("t01",))
    lock = locked(root)
    assert taken(lock).tier == "t01"
    assert [each.tier for each in lock.groups[0].choices[0].ruled_out if not each.format] == list(
        reversed(TIERS[1:])
    )
