"""Nothing that goes wrong on the way loses a result, and what went wrong is said."""

import re
from pathlib import Path

import pytest

from tests.adb.fault_menu import MENU, Fault
from tests.adb.scenario import lost, run_fault


@pytest.mark.parametrize("fault", MENU, ids=lambda fault: fault.name)
def test_a_fault_is_named_and_loses_no_result(fault: Fault, adb: str, tmp_path: Path) -> None:
    assert adb
    came = run_fault(fault, tmp_path)
    good = {outcome.run_id for outcome in came.outcomes if outcome.good}
    said = [outcome.error for outcome in came.outcomes if outcome.error]
    assert len(good) == fault.good, said
    assert {each["run_id"] for each in came.kept} == good
    assert came.struck >= 1
    assert came.lost == []
    assert all("\n" not in words and re.search(fault.says, words) for words in said), said
    assert bool(said) == bool(fault.says)
    assert came.left == []
    assert not any(came.serial in words for words in said)


def test_a_result_that_is_nowhere_is_counted_as_lost(tmp_path: Path) -> None:
    kept = tmp_path / "results" / "android" / "key"
    kept.mkdir(parents=True)
    (kept / "a.json").touch()
    (kept / "b.refused").touch()
    device = tmp_path / "device" / "results"
    device.mkdir(parents=True)
    (device / "c.json").touch()
    assert lost(["a", "b", "c", "d"], tmp_path, tmp_path / "device") == ["d"]


def test_every_fault_has_a_name_of_its_own() -> None:
    assert len({fault.name for fault in MENU}) == len(MENU)
