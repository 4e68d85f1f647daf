import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.harness.reading import read_result
from tests.pocketmatte.harness.results import good_result, statistics
from tiers.errors import BundleError


def written(folder: Path, content: object) -> Path:
    path = folder / "result.json"
    path.write_text(json.dumps(content))
    return path


def test_a_good_result_is_read(tmp_path: Path) -> None:
    result = read_result(written(tmp_path, good_result()))
    assert (result.status, result.latency[0].ms.p50) == ("ok", 5.0)


def sustained(result: dict[str, Any]) -> None:
    result["sustained"] = {
        "frames_per_second": 30.0, "seconds": 1.0, "frames": 7, "late": 0, "ms": statistics(2),
        "last_quarter_p95_ms": 5.0,
    }  # fmt: skip


def failed(result: dict[str, Any]) -> None:
    result["parity"]["passed"] = False
    result["parity"]["outputs"][0]["faults"] = ["mad"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: r.update(parity=None), "status is ok, but its parity did not pass"),
        (failed, "status is ok, but its parity did not pass"),
        (lambda r: r.update(status="parity_failed"), "but its parity passed"),
        (lambda r: r["parity"]["outputs"][0].update(faults=["mad"]), "not what its outputs say"),
        (lambda r: r["execution"].update(delegate_actual="Portable"), "that is a fallback"),
        (lambda r: r["execution"].update(process="emulated"), "but the process is emulated"),
        (lambda r: r["device"].update(emulator=True), "a physical device, but"),
        (lambda r: r["validity"].update(physical_device=False), "of no physical device"),
        (lambda r: r["latency"][0]["samples_ns"].append(1), "frame has 3 samples, not 2"),
        (lambda r: r["latency"][0]["ms"].update(p95=0.0), r"p95 of frame is 0\.0, of its samples"),
        (lambda r: r["validity"].update(thermal_ok=False), "thermal_ok is false"),
        (lambda r: r["validity"].update(thermal_ok=False, latency_valid=False), "that is invalid"),
        (lambda r: r.update(status="load_failed"), "nothing was loaded, but something was run"),
        (sustained, "7 sustained frames, but statistics of 2"),
    ],
)
def test_a_result_that_denies_itself_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    result = good_result()
    change(result)
    with pytest.raises(BundleError, match=f"contradicts itself: .*{reason}"):
        read_result(written(tmp_path, result))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda r: r.update(schema_version=2), "schema_version"),
        (lambda r: r.update(run_id="../escape"), "run_id"),
        (lambda r: r.update(run_id=""), "run_id"),
        (lambda r: r.update(started_at="yesterday"), "started_at"),
        (lambda r: r.pop("thermal"), "thermal"),
        (lambda r: r.update(extra=1), "extra"),
        (lambda r: r["latency"][0].update(samples_ns=[-1, 2]), "samples_ns"),
        (lambda r: r["execution"].update(process="shell"), "process"),
        (lambda r: r["subject"].update(trace_sha256="0"), "trace_sha256"),
        (lambda r: r["thermal"][0].update(status=7), "status"),
    ],
)
def test_a_result_of_another_form_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], where: str
) -> None:
    result = good_result()
    change(result)
    with pytest.raises(BundleError, match=f"is no result: .*{where}"):
        read_result(written(tmp_path, result))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": 1', "\x00\xff"])
def test_garbage_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BundleError, match=r"is no result|cannot be read"):
        read_result(path)
