"""What a lock says of a result of the native runner is what an app can ask its runtime for."""

import re
from pathlib import Path

import pytest

from tests.pocketmatte.selection.shipped import device_result, locked, taken, write_bundle

REQUESTED = re.compile(r'kRequested = "(\w+)"')
RUN_BY_THE_APP = re.compile(r'^    "(\w+) (\w+)" ->', re.MULTILINE)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a bundle of rvm in all tiers, fp32 and fp16, for ExecuTorch."""
    return write_bundle(tmp_path / "bundle", sizes={"fp32": 1500, "fp16": 1000})


@pytest.mark.parametrize("process", ["adb_shell", "app_foreground"])
def test_a_lock_names_a_delegate_as_an_app_does(root: Path, process: str) -> None:
    result = device_result(root, "t11", process="adb_shell", delegate="XnnpackBackend")
    found = taken(locked(root, "t11", result, process=process))
    assert (found.basis, found.weak) == ("measured", process == "app_foreground")
    assert found.delegate is not None
    assert (found.delegate.requested, found.delegate.actual) == ("xnnpack", "xnnpack")


@pytest.mark.parametrize(
    ("ran", "said"),
    [("none", "portable"), ("OtherBackend,XnnpackBackend", "OtherBackend,xnnpack")],
)
def test_a_fallback_of_the_native_runner_is_named_likewise(root: Path, ran: str, said: str) -> None:
    result = device_result(
        root, "t11", process="adb_shell", delegate="XnnpackBackend", status="fallback"
    )
    result["execution"]["delegate_actual"] = ran
    found = taken(locked(root, "t11", result, process="adb_shell"))
    assert found.delegate is not None
    assert (found.delegate.requested, found.delegate.actual) == ("xnnpack", said)


def test_the_android_app_runs_what_a_lock_of_the_native_runners_results_asks_for(
    root: Path, request: pytest.FixtureRequest
) -> None:
    sources = request.config.rootpath
    runner = (sources / "native_runner/src/result.cpp").read_text()
    app = (sources / "android_harness/app/src/main/kotlin/Setup.kt").read_text()
    (requested,) = REQUESTED.findall(runner)
    result = device_result(root, "t11", process="adb_shell", delegate=requested)
    found = taken(locked(root, "t11", result, process="adb_shell"))
    assert found.delegate is not None
    assert (found.format, found.delegate.requested) in RUN_BY_THE_APP.findall(app)
