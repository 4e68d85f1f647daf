"""What the host adds to a result changes its validity and status by the protocol's rules."""

import json
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.devices_adb.merge import Observed, merged, stranger
from pocketmatte.harness.reading import contradiction
from pocketmatte.harness.result import Heat, Memory, Result
from tests.adb.device_programs.stand_in import UNKNOWN, result_of
from tests.adb.scenario import order
from tests.adb.small_bundle import write_bundle

OPTIONS = {
    "network": "rvm", "tier": "t01", "recipe": "fp32", "run-id": "a-run-rvm-t01-fp32",
    "threads": "1", "warmups": "1", "runs": "1", "seconds": "0", "limit-seconds": "1",
}  # fmt: skip


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("merge") / "bundle")


@pytest.fixture(scope="module")
def plain(bundle: Path) -> dict[str, Any]:
    device = dict.fromkeys(UNKNOWN) | {"platform": "android", "model": "X", "emulator": False}
    return result_of(bundle, OPTIONS, device, "adb_shell")


def result(plain: dict[str, Any], **changes: Any) -> Result:
    changed = json.loads(json.dumps(plain))
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = changed
        for parent in parents:
            place = place[parent]
        place[last] = value
    return Result.model_validate_json(json.dumps(changed))


def seen(*statuses: int | None) -> Observed:
    heat = [
        Heat(seconds=float(second), status=status, celsius=None)
        for second, status in enumerate(statuses)
    ]
    return Observed(thermal=heat, battery=[], memory=None, errors=[])


@pytest.mark.parametrize(
    ("statuses", "thermal_ok", "status"),
    [
        ((), None, "ok"),
        ((None, None), None, "ok"),
        ((0, 1), True, "ok"),
        ((0, 2), False, "invalid"),
        ((3, None), False, "invalid"),
    ],
)
def test_readings_above_light_make_the_latencies_invalid(
    plain: dict[str, Any], statuses: tuple[int | None, ...], thermal_ok: bool | None, status: str
) -> None:
    found = merged(result(plain), seen(*statuses))
    assert found.validity.thermal_ok is thermal_ok
    assert found.validity.latency_valid is (thermal_ok is not False)
    assert found.status == status
    assert contradiction(found) is None


def test_a_warm_reading_of_the_runner_itself_counts_too(plain: dict[str, Any]) -> None:
    warm = result(plain, thermal=[{"seconds": 0.5, "status": 3, "celsius": 44.0}])
    found = merged(warm, seen(0, 0))
    assert [heat.seconds for heat in found.thermal] == [0.0, 0.5, 1.0]
    assert found.status == "invalid"


def test_warmth_does_not_make_an_emulators_result_invalid(plain: dict[str, Any]) -> None:
    emulated = result(
        plain, device__emulator=True, validity__physical_device=False,
        validity__latency_valid=False,
    )  # fmt: skip
    found = merged(emulated, seen(5))
    assert (found.validity.latency_valid, found.status) == (False, "ok")


def test_another_delegate_is_a_fallback_and_heat_goes_before_it(plain: dict[str, Any]) -> None:
    fallback = result(plain, execution__delegate_actual=None, status="fallback")
    assert merged(fallback, seen(0)).status == "fallback"
    assert merged(fallback, seen(4)).status == "invalid"


def test_a_parity_that_failed_goes_before_heat(plain: dict[str, Any]) -> None:
    output = {**plain["parity"]["outputs"][0], "faults": ["psnr_db"]}
    failed = result(
        plain, parity__passed=False, parity__outputs=[output], status="parity_failed"
    )  # fmt: skip
    assert merged(failed, seen(4)).status == "parity_failed"


@pytest.mark.parametrize("status", ["load_failed", "run_failed"])
def test_a_run_that_ended_early_stays_so(plain: dict[str, Any], status: str) -> None:
    early = result(plain, parity=None, latency=[], status=status)
    assert merged(early, seen(4)).status == status


def test_memory_and_errors_are_added(plain: dict[str, Any]) -> None:
    memory = Memory(peak_bytes=5, method="VmHWM")
    observed = Observed(thermal=[], battery=[], memory=memory, errors=["it ended with 9"])
    found = merged(result(plain), observed)
    assert found.memory == memory
    assert found.errors == ["it ended with 9"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"run_id": "b"}, "of run b, not a-run"),
        ({"subject__tier": "t02"}, "of tier t02, not t01"),
        ({"subject__orientation": "portrait"}, "of orientation portrait"),
        ({"subject__trace_sha256": "2" * 64}, "of trace 222"),
    ],
)
def test_a_result_of_something_else_is_known(
    plain: dict[str, Any], bundle: Path, change: dict[str, Any], words: str
) -> None:
    run = order(bundle).runs[0]
    assert stranger(result(plain), run) is None
    assert words in (stranger(result(plain, **change), run) or "")


def test_a_result_of_other_files_is_known(plain: dict[str, Any], bundle: Path) -> None:
    files = [{**plain["subject"]["files"][0], "sha256": "3" * 64}]
    found = stranger(result(plain, subject__files=files), order(bundle).runs[0])
    assert found == "it is of other files than the bundle holds"
