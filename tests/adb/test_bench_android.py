"""pocketmatte bench-android, from the command line to the files it keeps."""

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.cli import app, run
from pocketmatte.commands.on_android import bench_android_
from pocketmatte.harness.reading import read_result
from tests.adb.device_server import Device
from tests.adb.isolated import quietly

NAME = "bench-android"
FAST = ("--warmups", "1", "--runs", "1", "--seconds", "0", "--limit-seconds", "1")


@pytest.fixture
def bench(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a way to run the command: its code, what it printed, and what it said."""
    if NAME not in {command.name for command in app.registered_commands}:
        app.command(NAME)(bench_android_)

    def call(*words: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = run([NAME, *map(str, words)])
        return (code, *capfd.readouterr())

    return call


def results(bundle: Path) -> list[Path]:
    return sorted((bundle / "results").rglob("*.json"))


def test_a_bundle_is_run_and_its_results_are_kept(
    bench: Callable[..., tuple[int, str, str]],
    connect: Callable[..., Device],
    bundle: Path,
    runner: Path,
) -> None:
    device = connect()
    code, out, err = bench(bundle, "--runner", runner, *FAST, "--json")
    assert code == 0, err
    said: dict[str, Any] = json.loads(out)
    assert [each["recipe"] for each in said["results"]] == ["fp32", "w8a8"]
    assert {each["status"] for each in said["results"]} == {"ok"}
    first = said["results"][0]
    assert (first["p50_ms"], first["p95_ms"], first["peak_bytes"]) == (3.0, 3.9, 12_000_000)
    assert first["worst_db"] == 81.5
    assert [str(path) for path in results(bundle)] == [each["path"] for each in said["results"]]
    assert device.left() == []


def test_a_kept_result_holds_what_the_host_saw(
    bench: Callable[..., tuple[int, str, str]],
    connect: Callable[..., Device],
    bundle: Path,
    runner: Path,
) -> None:
    connect()
    assert bench(bundle, "--runner", runner, "--recipe", "fp32", *FAST)[0] == 0
    result = read_result(results(bundle)[0])
    assert result.memory is not None
    assert result.memory.peak_bytes == 12_000_000
    assert [heat.status for heat in result.thermal] == [0, 0]
    assert [battery.percent for battery in result.battery] == [85.0, 85.0]
    assert result.validity.thermal_ok is True
    assert (result.device.model, result.device.api_level) == ("Stand-in 1", 34)
    assert result.execution.process == "adb_shell"
    assert result.errors == []


def test_heat_that_dumpsys_shows_makes_a_result_invalid(
    bench: Callable[..., tuple[int, str, str]],
    connect: Callable[..., Device],
    bundle: Path,
    runner: Path,
) -> None:
    device = connect()
    warm = device.settings / "thermalservice.txt"
    warm.write_text(warm.read_text().replace("Thermal Status: 0", "Thermal Status: 3"))
    code, _, err = bench(bundle, "--runner", runner, "--recipe", "fp32", *FAST)
    assert (code, read_result(results(bundle)[0]).status) == (1, "invalid")
    assert "0 of 1 results good" in err


def test_no_file_names_a_serial_number(
    bench: Callable[..., tuple[int, str, str]],
    connect: Callable[..., Device],
    bundle: Path,
    runner: Path,
) -> None:
    device = connect()
    device.environment["RUNNER_FAULT"] = "fp32:garbage"
    _, out, err = bench(bundle, "--runner", runner, *FAST, "--json")
    kept = [path for path in (bundle / "results").rglob("*") if path.is_file()]
    assert len(kept) == 2
    port = device.serial.split(":")[1]
    assert all(port not in text for text in (out, err, *map(str, kept)))
    assert all(device.serial.encode() not in path.read_bytes() for path in kept)


def test_several_devices_are_run_at_once_each_into_a_folder_of_its_own(
    bench: Callable[..., tuple[int, str, str]],
    connect: Callable[..., Device],
    bundle: Path,
    runner: Path,
) -> None:
    devices = [connect(), connect()]
    devices[0].environment["RUNNER_FAULT"] = "fp32:code"
    code, out, _ = bench(bundle, "--runner", runner, "--all", "--json", *FAST)
    assert code == 1
    said = json.loads(out)["results"]
    assert sorted(each["status"] for each in said) == ["error", "ok", "ok", "ok"]
    assert len({each["device"] for each in said}) == 2
    assert len({path.parent for path in results(bundle)}) == 2
    assert [device.left() for device in devices] == [[], []]


def test_a_portrait_rate_and_length_reach_the_runner(
    bench: Callable[..., tuple[int, str, str]],
    connect: Callable[..., Device],
    bundle: Path,
    runner: Path,
) -> None:
    connect()
    words = ("--recipe", "fp32", "--fps", "29.97", "--sustained-seconds", "3", "--threads", "2")
    assert bench(bundle, "--runner", runner, *words, *FAST)[0] == 0
    result = read_result(results(bundle)[0])
    plan = result.plan
    assert (plan.frames_per_second, plan.sustained_seconds) == (29.97, 3.0)
    assert result.execution.threads == 2


@pytest.mark.parametrize(
    ("fault", "sign", "kept"),
    [
        ("forever", "settings/pid-w8a8", ["fp32"]),
        ("forever_after", "tmp/**/*w8a8.json", ["fp32", "w8a8"]),
    ],
    ids=["in a run", "before its result was fetched"],
)
def test_ctrl_c_keeps_what_was_finished_and_leaves_the_device_clean(
    bench: Callable[..., tuple[int, str, str]],
    connect: Callable[..., Device],
    bundle: Path,
    runner: Path,
    fault: str,
    sign: str,
    kept: list[str],
) -> None:
    device = connect()
    device.environment["RUNNER_FAULT"] = f"w8a8:{fault}"

    def press() -> None:
        while not any(device.root.parent.glob(sign)):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()
    code, _, err = bench(bundle, "--runner", runner, *FAST)
    assert code == 130
    assert "what was finished is kept" in err
    assert [path.stem.rpartition("-")[2] for path in results(bundle)] == kept
    assert device.left() == []
    assert not at_work(device)


def at_work(device: Device) -> bool:
    """Whether the runner of w8a8 still is; one that ended and was not asked for its end is not."""
    state = Path("/proc", (device.settings / "pid-w8a8").read_text(), "stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


def cut_off(device: Device, once: str) -> None:
    device.faults.drops_in_run, device.faults.drops_once = 1, once
    device.faults.away_after_drop = True


def back(device: Device) -> None:
    device.faults.away_after_drop = False
    device.within_reach()
    quietly("adb", "disconnect", device.serial)
    quietly("adb", "connect", device.serial)
    quietly("adb", "-s", device.serial, "wait-for-device")  # it is listed a moment later


def written(device: Device) -> list[str]:
    names = (device.settings / "written").read_text().split()
    return [name.rpartition("-")[2] for name in names]


def test_a_run_that_is_resumed_is_neither_pushed_nor_made_again(
    bench: Callable[..., tuple[int, str, str]],
    connect: Callable[..., Device],
    bundle: Path,
    runner: Path,
) -> None:
    device = connect()
    device.environment["RUNNER_FAULT"] = "fp32:slow"
    cut_off(device, "*fp32.began")
    code, _, err = bench(bundle, "--runner", runner, "--attempts", "1", *FAST)
    assert code == 1
    name = err.partition("--resume ")[2].split()[0]
    back(device)
    device.faults.space_bytes = 0
    code, _, err = bench(bundle, "--runner", runner, "--resume", name, *FAST)
    assert code == 0, err
    assert written(device) == ["fp32", "w8a8"]
    assert len(results(bundle)) == 2
    assert device.left() == []


def test_what_is_kept_is_not_run_again_even_where_the_device_forgot_it(
    bench: Callable[..., tuple[int, str, str]],
    connect: Callable[..., Device],
    bundle: Path,
    runner: Path,
) -> None:
    device = connect()
    device.environment["RUNNER_FAULT"] = "w8a8:forever"
    cut_off(device, "*w8a8.began")
    code, _, err = bench(bundle, "--runner", runner, "--attempts", "1", *FAST)
    assert (code, len(results(bundle))) == (1, 1)
    while not (device.settings / "pid-w8a8").exists():
        time.sleep(0.02)
    name = err.partition("--resume ")[2].split()[0]
    assert at_work(device)
    os.kill(int((device.settings / "pid-w8a8").read_text()), signal.SIGKILL)
    while (device.root / "pocketmatte").exists():  # what waited for the runner writes once more
        shutil.rmtree(device.root / "pocketmatte", ignore_errors=True)
    del device.environment["RUNNER_FAULT"]
    back(device)
    assert bench(bundle, "--runner", runner, "--resume", name, *FAST)[0] == 0
    assert written(device) == ["fp32", "w8a8"]
    assert len(results(bundle)) == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "give --runner, the folder of the native runner, or --app"),
        (("--runner", "{runner}", "--app", "a.b"), "give --runner"),
        (("--runner", "{runner}", "--apk", "x.apk"), "give --app with them"),
        (("--app", "not a package"), "--app is not a package; it is the name of a package"),
        (("--app", "a.b", "--apk", "none.apk"), "--apk none.apk is no file"),
        (
            ("--app", "a.b", "--apk", "{runner}/runner", "--apk", "{runner}/lib/../runner"),
            "is the second runner, and all go into one folder of the device; give each file once",
        ),
        (("--app", "a.b", "--instrumentation", "x y"), "--instrumentation is x y; it is PACKAGE/"),
        (("--runner", "{bundle}"), "holds no program runner"),
        (("--runner", "{runner}", "--tier", "t99"), "no tier of this bundle 't99'"),
        (("--runner", "{runner}", "--fps", "0"), "--fps is 0.0; it must be 0.1 to 1000000000"),
        (("--runner", "{runner}", "--threads", "0"), "--threads is 0; it must be 1 or more"),
        (("--runner", "{runner}", "--resume", "../x"), "--resume is '../x'"),
        (("--runner", "{runner}", "--portrait"), "of what was asked, portrait"),
    ],
)
def test_wrong_use_is_refused_before_a_device_is_looked_for(
    bench: Callable[..., tuple[int, str, str]],
    bundle: Path,
    runner: Path,
    words: tuple[str, ...],
    says: str,
) -> None:
    given = [word.format(runner=runner, bundle=bundle) for word in words]
    code, out, err = bench(bundle, *given, "--adb", "no-such-program")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert says in err


def test_two_devices_without_a_choice_are_wrong_use_and_none_a_failure(
    bench: Callable[..., tuple[int, str, str]],
    connect: Callable[..., Device],
    bundle: Path,
    runner: Path,
    adb: str,
) -> None:
    code, _, err = bench(bundle, "--runner", runner, "--adb", adb)
    assert (code, "no Android device" in err) == (1, True)
    connect(), connect()
    code, _, err = bench(bundle, "--runner", runner, "--adb", adb)
    assert (code, "2 devices" in err) == (2, True)
