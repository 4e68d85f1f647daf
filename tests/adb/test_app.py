"""An app under am instrument: how it is told what to run, and where its files are reached."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pocketmatte.devices_adb.app import AppMode
from pocketmatte.harness.reading import read_result
from pocketmatte.harness.result import Plan
from tests.adb.device_server import Device
from tests.adb.scenario import APP, PLAN, benched, order

ARGUMENTS = (
    "android_harness/core/src/main/kotlin/Arguments.kt"
)  # fmt: skip


def app_mode(apk: Path, plan: Plan = PLAN) -> AppMode:
    apk.write_bytes(b"an app")
    return AppMode(APP, f"{APP}.test/x.Runner", [apk], plan, threads=2)


@pytest.mark.parametrize("build", ["debug", "release"])
def test_a_bundle_is_run_in_an_app_and_nothing_is_left_in_it(
    connect: Callable[..., Device], bundle: Path, tmp_path: Path, build: str
) -> None:
    device = connect()
    if build == "release":
        (device.settings / "not_debuggable").touch()
        (device.settings / "was_opened").touch()
    outcomes = benched(order(bundle), app_mode(tmp_path / "an app.apk"), device)
    assert [(each.status, each.error) for each in outcomes] == [("ok", None), ("ok", None)]
    result = read_result(outcomes[0].path or tmp_path)
    assert (result.execution.process, result.execution.threads) == ("app_foreground", 2)
    assert (result.thermal, result.errors) == ([], [])
    files = [path for path in device.root.parent.rglob("com.example.app/**/*") if path.is_file()]
    assert files == []
    assert device.left() == []


def test_a_crash_after_the_result_is_written_into_it(
    connect: Callable[..., Device], bundle: Path, tmp_path: Path
) -> None:
    device = connect()
    device.environment["APP_FAULT"] = "crash_after"
    outcomes = benched(order(bundle), app_mode(tmp_path / "app.apk"), device)
    kept = json.loads((outcomes[0].path or tmp_path).read_text())
    assert kept["errors"] == ["the app wrote its result, then: the app crashed: Process crashed."]


def test_the_app_is_told_by_names_that_it_knows(root: Path, bundle: Path, tmp_path: Path) -> None:
    listing = re.search(r"val ARGUMENTS = listOf\((.*?)\)", (root / ARGUMENTS).read_text(), re.S)
    assert listing is not None
    known = set(re.findall(r'"(\w+)"', listing[1]))
    plan = PLAN.model_copy(update={"frames_per_second": 30.0, "sustained_seconds": 5.0})
    script = app_mode(tmp_path / "app.apk", plan).script(order(bundle).runs[0])
    told = set(re.findall(r"-e (\w+) ", script))
    assert {"run_id", "recipe", "frames_per_second"} <= told <= known
