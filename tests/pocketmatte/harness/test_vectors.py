import filecmp
import json
from pathlib import Path
from typing import Any, get_args

from pocketmatte.harness.vectors import FOLDER, write_all
from pocketmatte.selection.on_device.calibrating import Why

AGAIN = "write them again with: python -m pocketmatte.harness.vectors"


def test_the_committed_vectors_and_schemas_are_those_of_the_code(
    root: Path, tmp_path: Path
) -> None:
    write_all(tmp_path)
    written = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    committed = sorted(
        p.relative_to(root / FOLDER) for p in (root / FOLDER).rglob("*") if p.is_file()
    )
    assert committed == written, AGAIN
    for name in written:
        assert filecmp.cmp(tmp_path / name, root / FOLDER / name, shallow=False), f"{name}: {AGAIN}"


def test_the_vectors_of_a_device_show_whatever_may_come_of_it(root: Path) -> None:
    folder = root / FOLDER / "vectors" / "on_device"

    def expected(name: str) -> list[dict[str, Any]]:
        cases = json.loads((folder / f"{name}.json").read_text())["cases"]
        return [case["expected"] for case in cases]

    places = [each for each in expected("places") if each is not None]
    assert {each["by"] for each in places} == {
        "identifier", "soc", "memory", "system", "nothing",
    }  # fmt: skip
    assert {each["refused"] for each in expected("decisions")} == {
        None, "no_group", "no_network", "nothing_taken", "files_damaged",
    }  # fmt: skip
    assert {each["why"] for each in expected("calibrations")} == set(get_args(Why))
    memories = {(each["remembered"] is None, each["is_due"]) for each in expected("memories")}
    assert memories == {(True, True), (True, False), (False, False)}
    thermals = json.loads((folder / "thermals.json").read_text())["cases"]
    assert {case["end"]["last"] for case in thermals} == {"none", "up", "down"}
    assert {case["end"]["pace"] for case in thermals} == {"unknown", "timely", "between", "late"}
    kinds = {event["kind"] for case in thermals for event in case["events"]}
    assert kinds == {"thermal", "frames", "refused"}


def test_the_vectors_show_every_fault_and_every_reason(root: Path) -> None:
    folder = root / FOLDER / "vectors"
    verdicts = json.loads((folder / "verdicts.json").read_text())["cases"]
    faults = {code for case in verdicts for code in case["expected"]["faults"]}
    assert faults == {"not_finite", "max_abs", "psnr_db", "mad", "flipped"}
    choices = json.loads((folder / "choices.json").read_text())["cases"]
    reasons = {why for case in choices for why in case["expected"]["ruled_out"].values()}
    assert reasons == {
        "status", "process", "not_physical", "latency_invalid", "thermal_ok", "min_runs_met",
        "min_seconds_met", "not_debuggable", "not_measured",
        "too_slow", "memory_not_measured", "too_large",
    }  # fmt: skip
