"""A result that this machine cannot keep stays on the device, and --resume fetches it."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pocketmatte.devices_adb.adb import Adb
from pocketmatte.devices_adb.app import AppMode
from pocketmatte.devices_adb.listing import listed
from pocketmatte.devices_adb.session import Mode
from tests.adb.device_server import Device
from tests.adb.scenario import APP, PLAN, benched, hasty, native, order


def bar_file(kept: Path) -> None:
    """Let a file not be written, as a full disk does: a folder stands in its place."""
    kept.mkdir(parents=True)


def bar_folder(kept: Path) -> None:
    """Let not even its folder be made."""
    kept.parent.parent.mkdir(parents=True)
    kept.parent.touch()


def unbar(kept: Path) -> None:
    """Let it be written again."""
    if kept.is_dir():
        kept.rmdir()
    else:
        kept.parent.unlink()


def mode_of(kind: str, folder: Path, runner: Path) -> Mode:
    if kind == "native":
        return native(runner)
    (folder / "app.apk").write_bytes(b"an app")
    return AppMode(APP, f"{APP}.test/x.Runner", [folder / "app.apk"], PLAN, threads=1)


@pytest.mark.parametrize("kind", ["native", "app"])
@pytest.mark.parametrize("bar", [bar_file, bar_folder])
def test_a_result_that_cannot_be_kept_here_stays_on_the_device_for_resume(
    connect: Callable[..., Device],
    bundle: Path,
    runner: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    bar: Callable[[Path], None],
    kind: str,
) -> None:
    device = connect()
    asked, mode = order(bundle), mode_of(kind, tmp_path, runner)
    (key,) = [each.key for each in listed(Adb("adb", None, hasty(), threading.Event()))]
    kept = asked.kept_in / key / f"{asked.runs[0].run_id}.json"
    bar(kept)
    outcomes = benched(asked, mode, device)
    assert outcomes[0].error is not None
    assert f"could not write {kept}" in outcomes[0].error
    said = " ".join(capfd.readouterr().err.split())
    assert f"a-run may be left on device {key}, with a result that is not here" in said
    assert "run again with --resume a-run" in said
    unbar(kept)
    again = benched(order(bundle, resume=True), mode, device)
    assert [each.status for each in again] == ["ok", "ok"]
    made = (device.settings / "written").read_text().split()
    assert made == [run.run_id for run in asked.runs]  # neither was run again
    assert device.left() == []
