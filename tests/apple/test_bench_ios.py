"""pocketmatte bench-ios with a stand-in of xcrun: no Mac and no phone had a part in this."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pocketmatte.cli import app, run
from pocketmatte.commands.on_ios import bench_ios_
from pocketmatte.harness.reading import read_result
from tests.adb.small_bundle import write_bundle

NAME = "bench-ios"
PROGRAMS = Path(__file__).parent / "programs"
STAND_IN = PROGRAMS.parent.parent / "adb" / "device_programs"
FAST = ("--warmups", "1", "--runs", "1", "--seconds", "0", "--limit-seconds", "1")

Bench = Callable[..., tuple[int, str, str]]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Return a bundle of one tier in two recipes as Core ML packages."""
    return write_bundle(tmp_path / "bundle", form="coreml")


@pytest.fixture
def bench(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bundle: Path
) -> Bench:
    """Return a way to run the command with a fault: its code, what it printed, what it said."""
    if NAME not in {command.name for command in app.registered_commands}:
        app.command(NAME)(bench_ios_)
    monkeypatch.setenv("PATH", f"{PROGRAMS}:{os.environ['PATH']}")
    monkeypatch.setenv("STAND_IN", str(STAND_IN))
    monkeypatch.setenv("APPLE_CONTAINER", str(tmp_path / "container"))

    def call(fault: str, *words: str) -> tuple[int, str, str]:
        monkeypatch.setenv("APPLE_FAULT", fault)
        capfd.readouterr()
        code = run([NAME, str(bundle), *FAST, *words])
        return (code, *capfd.readouterr())

    return call


def kept(bundle: Path) -> list[Path]:
    return sorted((bundle / "results" / "ios").rglob("*.json"))


def test_a_bundle_is_run_and_its_results_are_kept(bench: Bench, bundle: Path) -> None:
    code, out, err = bench("", "--json", "--fps", "30", "--sustained-seconds", "2")
    assert code == 0, err
    assert [each["status"] for each in json.loads(out)["results"]] == ["ok", "ok"]
    result = read_result(kept(bundle)[0])
    assert result.subject.format == "coreml"
    assert result.plan.frames_per_second == 30.0
    assert all(b"0000-0" not in path.read_bytes() for path in kept(bundle))


def test_only_what_is_asked_is_copied_into_the_app(bench: Bench, tmp_path: Path) -> None:
    assert bench("", "--recipe", "fp32")[0] == 0
    inside = tmp_path / "container" / "Documents" / "bundle"
    files = {path.relative_to(inside).as_posix() for path in inside.rglob("*") if path.is_file()}
    assert files == {
        "manifest.json",
        "rvm/t01/matte-fp32.mlpackage",
        "traces/rvm/t01/trace.json",
        "traces/rvm/t01/tensors.bin",
    }


@pytest.mark.parametrize(
    ("fault", "good", "says"),
    [
        ("crash fp32", 1, "launch: The application was terminated by signal 6."),
        ("truncated fp32", 1, "refused is no result"),
        ("crash after", 2, ""),
        ("locked", 0, "copy to: The device is locked.; unlock the device"),
    ],
)
def test_a_run_that_fails_is_named_and_the_others_go_on(
    bench: Bench, bundle: Path, fault: str, good: int, says: str
) -> None:
    code, _, err = bench(fault)
    assert (code == 0, len(kept(bundle))) == (good == 2, good)
    assert says in err


def test_results_that_cannot_be_written_here_are_named(bench: Bench, bundle: Path) -> None:
    (bundle / "results").mkdir(exist_ok=True)
    (bundle / "results" / "ios").write_text("no folder")
    code, out, err = bench("", "--json")
    assert code == 1
    assert [each["status"] for each in json.loads(out)["results"]] == ["error", "error"]
    assert "could not write" in err
    assert "free some space there; what the app wrote stays on the device" in err


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        ("none", 1, "no iPhone or iPad; plug one in"),
        ("two", 2, "2 devices (0000-0 (iPhone 16), 0000-0 (iPhone 16)); name one"),
        ("unpaired", 1, "device 0000-0 does not trust this Mac"),
        ("no_json", 1, "wrote no JSON (ERROR: words for people)"),
    ],
)
def test_a_device_that_cannot_be_used_is_said_in_one_line(
    bench: Bench, fault: str, code: int, says: str
) -> None:
    found, out, err = bench(fault)
    assert (found, out, len(err.splitlines())) == (code, "", 1)
    assert says in err


def test_a_simulator_shows_that_the_app_works_and_its_times_never_count(
    bench: Bench, bundle: Path
) -> None:
    code, out, err = bench("", "--simulator", "--json")
    assert code == 0, err
    assert [each["status"] for each in json.loads(out)["results"]] == ["ok", "ok"]
    results = [read_result(path) for path in kept(bundle)]
    assert all(result.device.emulator for result in results)
    assert not any(result.validity.latency_valid for result in results)
    assert bench("", "--simulator", "--device", "iPhone 10")[0] == 0  # over the bundle of before


@pytest.mark.parametrize(
    ("fault", "good", "says"),
    [
        ("crash fp32", 1, "simctl launch failed (The application was terminated by signal 6.)"),
        ("truncated fp32", 1, "refused is no result"),
        ("crash after", 2, ""),
        ("no_app", 0, "simctl get_app_container failed (No such file or directory)"),
        ("a phone's", 0, "it is of a phone, not of a simulator; run it again"),
    ],
)
def test_a_run_that_fails_in_a_simulator_is_named(
    bench: Bench, bundle: Path, fault: str, good: int, says: str
) -> None:
    code, _, err = bench(fault, "--simulator")
    assert (code == 0, len(kept(bundle))) == (good == 2, good)
    assert says in err


@pytest.mark.parametrize(
    ("fault", "words", "code", "says"),
    [
        ("none", (), 1, "no simulator is booted; boot one with: xcrun simctl boot NAME"),
        ("two", (), 2, "2 simulators (0000-0 (iPhone 10), 0000-1 (iPhone 11)); name one"),
        ("", ("--device", "x"), 2, "no booted simulator x; booted are 0000-0 (iPhone 10)"),
        ("no_json", (), 1, "simctl list wrote other JSON than is known"),
    ],
)
def test_a_simulator_that_cannot_be_used_is_said_in_one_line(
    bench: Bench, fault: str, words: tuple[str, ...], code: int, says: str
) -> None:
    found, out, err = bench(fault, "--simulator", *words)
    assert (found, out, len(err.splitlines())) == (code, "", 1)
    assert says in err


def test_without_xcrun_a_mac_is_asked_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    code, _, err = bench("")
    assert (code, "no xcrun on PATH; this needs a Mac" in err) == (1, True)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--compute-units", "all"), "--compute-units is all; there are cpu, gpu, neural_engine"),
        (("--seconds", "-1"), "--seconds is -1.0; it must be 0 to 1000000000"),
        (("--fps", "inf"), "--fps is inf; it must be 0.1 to 1000000000"),
        (("--device", "x"), "no device x; devicectl lists 0000-0 (iPhone 16)"),
    ],
)
def test_wrong_use_is_refused(bench: Bench, words: tuple[str, ...], says: str) -> None:
    code, _, err = bench("", *words)
    assert (code, says in err) == (2, True)
