"""The native runner on bundles of one small program."""

import hashlib
import json
import math
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export.trace import DATA_NAME, TRACE_NAME
from pocketmatte.harness.reading import read_result
from pocketmatte.harness.vectors import FOLDER
from tests.adb.small_bundle import FRAMES, write_bundle
from tests.native.programs import times
from tests.native.running import TRACE, Runner, manifest, refill


def test_the_shared_vectors_are_kept(host_runner: Path, root: Path) -> None:
    command = [host_runner / "vectors_test", root / FOLDER / "vectors"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "all equal")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("statistics.json", lambda v: v["cases"][2]["expected"].update(p95=3.9)),
        ("verdicts.json", lambda v: v["cases"][1]["expected"].update(psnr_db=63.1)),
        ("verdicts.json", lambda v: v["cases"][3]["expected"].update(faults=[])),
    ],
)
def test_a_vector_that_is_not_kept_is_noticed(
    host_runner: Path, root: Path, tmp_path: Path, name: str, change: Callable[[Any], object]
) -> None:
    vectors = shutil.copytree(root / FOLDER / "vectors", tmp_path / "vectors")
    content = json.loads((vectors / name).read_text())
    change(content)
    (vectors / name).write_text(json.dumps(content))
    command = [host_runner / "vectors_test", vectors]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("sha256")
    assert "differs: " in done.stdout


def test_a_run_is_ok_and_says_all_about_itself(runner: Runner) -> None:
    done = runner("--run-id", "one", "--fps", 100, "--sustained-seconds", 0.2)
    assert (done.returncode, done.stderr) == (0, "")
    result = read_result(runner.out)
    assert (result.status, result.run_id, result.errors) == ("ok", "one", [])
    assert [each.what for each in result.latency] == ["frame", "program:matte"]
    assert all(len(each.samples_ns) == 3 for each in result.latency)
    assert result.parity is not None
    assert (result.parity.frames, result.parity.outputs[0].psnr_db) == (FRAMES, None)
    assert result.sustained is not None
    assert 0 < result.sustained.frames <= 20
    assert result.sustained.ms.count == result.sustained.frames
    assert (result.validity.min_runs_met, result.validity.min_seconds_met) == (True, True)
    assert (result.validity.physical_device, result.validity.latency_valid) == (False, False)
    assert result.device.platform == "linux"
    assert not list(runner.out.parent.glob("*.partial"))


def test_what_was_asked_for_and_not_reached_is_said(runner: Runner) -> None:
    assert runner("--runs", 100_000_000, "--limit-seconds", 0.1).returncode == 0
    validity = read_result(runner.out).validity
    assert (validity.min_runs_met, validity.min_seconds_met) == (False, True)


def test_another_program_fails_the_parity(runner: Runner) -> None:
    refill(runner.bundle, 0.4)
    done = runner()
    result = read_result(runner.out)
    assert (done.returncode, result.status) == (1, "parity_failed")
    assert result.parity is not None
    assert result.parity.outputs[0].faults == ["psnr_db"]
    assert result.latency  # it is timed all the same


def test_what_is_no_number_fails_the_parity(runner: Runner) -> None:
    refill(runner.bundle, math.nan)
    assert runner().returncode == 1
    result = read_result(runner.out)
    assert result.parity is not None
    assert (result.status, result.parity.outputs[0].faults) == ("parity_failed", ["not_finite"])


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("run",), "--bundle is missing"),
        (("walk",), "no command 'walk'; there are run and serve"),
        (("run", "--colour", "red"), "no option --colour"),
        (("run", "--bundle"), "--bundle needs a value"),
        (("run", "--runs", "0"), "--runs is 0; it is a whole number from 1 to 1000000000"),
        (("run", "--threads", "40000"), "--threads is 40000; it is a whole number from 1 to 256"),
        (("serve", "--bundle", "x"), "serve takes --file and --threads, not --bundle"),
        (("run", "--seconds", "nan"), "--seconds is nan; it is a number from"),
        (("run", "--fps", "0"), "--fps is 0; it is a number from 0.10 to 1e9"),
        (("serve",), "--file is missing"),
    ],
)
def test_wrong_use_is_one_line_and_exits_with_2(
    runner: Runner, words: tuple[str, ...], reason: str
) -> None:
    done = runner.plain(*words)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(reason)


@pytest.mark.parametrize("changed", [{"process": "toaster"}, {"run-id": "../up"}])
def test_names_that_are_none_are_refused(runner: Runner, changed: dict[str, object]) -> None:
    done = runner(**changed)
    assert done.returncode == 2
    assert not runner.out.exists()


def test_a_place_that_cannot_be_written_is_refused(runner: Runner) -> None:
    done = runner(out=runner.bundle / "nowhere" / "result.json")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


def test_memory_is_measured_in_a_pass_of_its_own(runner: Runner) -> None:
    done = runner("--memory")
    assert done.returncode == 0
    said = json.loads(done.stdout)
    assert said["method"] == "VmHWM"
    assert 1 << 20 < said["peak_bytes"] < 1 << 30
    assert not runner.out.exists()


def test_what_the_host_says_of_a_device_stands_in_the_result(
    runner: Runner, tmp_path: Path
) -> None:
    device = tmp_path / "device.json"
    assert runner().returncode == 0
    said = json.loads(runner.out.read_text())["device"] | {"platform": "android", "model": "Ünï"}
    device.write_text(json.dumps(said))
    assert runner("--process", "adb_shell", device=device).returncode == 0
    result = read_result(runner.out)
    assert (result.device.platform, result.device.model) == ("android", "Ünï")
    assert (result.status, result.validity.latency_valid) == ("ok", True)


def test_a_program_that_no_delegate_runs_is_a_fallback(runner: Runner) -> None:
    refill(runner.bundle, 0.5, delegated=False)
    done = runner()
    result = read_result(runner.out)
    assert (done.returncode, result.status) == (0, "fallback")
    assert result.execution.delegate_actual == "none"


def test_a_file_of_another_type_than_the_manifest_says_is_not_run(runner: Runner) -> None:
    def half(entry: dict[str, Any]) -> None:
        for tensor in (*entry["inputs"], *entry["outputs"]):
            tensor["dtype"] = "float16"

    manifest(runner.bundle, half)
    assert runner().returncode == 1
    (error,) = read_result(runner.out).errors
    assert "takes and gives float32, the manifest says float16; build it again" in error


def test_memory_does_not_grow_with_the_trace(runner: Runner, tmp_path: Path) -> None:
    """Expected tensors lie on the disk: of two traces the longer one takes no more."""
    long = write_bundle(tmp_path / "long", program=times(0.5))
    trace = json.loads((long / TRACE / TRACE_NAME).read_text())
    data = (long / TRACE / DATA_NAME).read_bytes() + bytes(64 << 20)
    (long / TRACE / DATA_NAME).write_bytes(data)
    trace["data"] |= {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (long / TRACE / TRACE_NAME).write_text(json.dumps(trace))
    peaks = [
        json.loads(runner("--memory", bundle=each, trace=each / TRACE).stdout)["peak_bytes"]
        for each in (runner.bundle, long)
    ]
    assert peaks[1] < peaks[0] + (8 << 20)


def test_a_result_of_before_stays_where_the_next_is_refused(runner: Runner) -> None:
    assert runner().returncode == 0
    before = runner.out.read_bytes()
    assert runner("--runs", 0).returncode == 2
    assert runner.out.read_bytes() == before


def test_help_is_given_after_a_command_too(runner: Runner) -> None:
    done = runner.plain("run", "--help")
    assert (done.returncode, "--limit-seconds" in done.stdout) == (0, True)


def test_a_description_of_no_device_is_refused(runner: Runner, tmp_path: Path) -> None:
    device = tmp_path / "device.json"
    device.write_text("[]")
    done = runner(device=device)
    assert (done.returncode, "describes no device" in done.stderr) == (2, True)
