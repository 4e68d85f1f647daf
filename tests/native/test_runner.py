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

FILE = "rvm/t01/matte-fp32.pte"
QUICK = ("--warmups", 1, "--runs", 3, "--seconds", 0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle whose program gives what its trace expects."""
    return write_bundle(tmp_path_factory.mktemp("whole") / "bundle", program=times(0.5))


@pytest.fixture
def bundle(whole: Path, tmp_path: Path) -> Path:
    """Return a fresh copy of it."""
    return shutil.copytree(whole, tmp_path / "bundle")


class Runner:
    """The runner's ``run``, and the result that it wrote."""

    def __init__(self, folder: Path, bundle: Path) -> None:
        self._folder, self.bundle = folder, bundle
        self.out = bundle.parent / "result.json"

    def __call__(self, *more: object, **changed: object) -> subprocess.CompletedProcess[str]:
        named: dict[str, object] = {
            "bundle": self.bundle, "network": "rvm", "tier": "t01", "out": self.out,
            "trace": self.bundle / "traces" / "rvm" / "t01", **changed,
        }  # fmt: skip
        words = [word for name, value in named.items() for word in (f"--{name}", value)]
        return self.plain("run", *words, *QUICK, *more)

    def plain(self, *words: object) -> subprocess.CompletedProcess[str]:
        command = [self._folder / "runner", *words]
        return subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, check=False
        )


@pytest.fixture
def runner(host_runner: Path, bundle: Path) -> Runner:
    return Runner(host_runner, bundle)


def manifest(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = bundle / "manifest.json"
    content = json.loads(path.read_text())
    change(next(entry for entry in content["artifacts"] if entry["path"] == FILE))
    path.write_text(json.dumps(content))


def refill(bundle: Path, factor: float, *, delegated: bool = True) -> None:
    """Put another program in place, with its true hash."""
    program = times(factor, delegated=delegated)
    other = write_bundle(bundle.parent / "other", program=program)
    shutil.copy(other / FILE, bundle / FILE)
    shutil.copy(other / "manifest.json", bundle / "manifest.json")


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


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


TRACE = Path("traces", "rvm", "t01")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda b: truncate(b / FILE), "bytes, not"),
        (lambda b: flip(b / FILE), "is not the file of the manifest"),
        (lambda b: (b / FILE).unlink(), "is missing"),
        (lambda b: manifest(b, lambda e: e.update(path="../out.pte")), "leads out of the bundle"),
        (lambda b: manifest(b, lambda e: e.update(weights_digest="2" * 64)), "other weights"),
        (lambda b: (b / "manifest.json").write_text("{"), "is no manifest"),
        (lambda b: truncate(b / TRACE / DATA_NAME), "bytes, not"),
        (lambda b: flip(b / TRACE / DATA_NAME), "is not the file of the trace"),
        (lambda b: (b / TRACE / DATA_NAME).unlink(), "cannot be read"),
        (lambda b: (b / TRACE / TRACE_NAME).write_text("[]"), "is no trace"),
    ],
    ids=["truncated", "changed", "missing", "escape", "weights", "manifest", "tensors-truncated",
         "tensors-changed", "tensors-missing", "trace"],
)  # fmt: skip
def test_what_is_damaged_is_not_run_and_the_result_says_why(
    runner: Runner, damage: Callable[[Path], object], reason: str
) -> None:
    damage(runner.bundle)
    done = runner()
    result = read_result(runner.out)
    assert (done.returncode, result.status) == (1, "load_failed")
    (error,) = result.errors
    assert reason in error
    assert done.stderr.strip() == error
    assert (result.parity, result.latency) == (None, [])


def test_a_file_that_the_runtime_refuses_is_said_with_its_reason(runner: Runner) -> None:
    path = runner.bundle / FILE
    path.write_bytes(b"\0" * 4096)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest(runner.bundle, lambda e: e.update(sha256=digest, size_bytes=4096))
    assert runner().returncode == 1
    (error,) = read_result(runner.out).errors
    assert error.startswith(f"ExecuTorch refuses {path}: error ")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"tier": "t02"}, "the trace is of rvm t01 landscape"),
        ({"recipe": "fp16"}, "the bundle has no executorch file of rvm t01 matte in fp16"),
    ],
)
def test_what_the_bundle_does_not_hold_is_said(
    runner: Runner, changed: dict[str, object], reason: str
) -> None:
    done = runner(**changed)
    assert reason in done.stderr
    assert done.returncode in (1, 2)


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


def trace_change(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = bundle / TRACE / TRACE_NAME
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t["steps"][0]["given"][0].update(offset=1 << 64), "where a whole number"),
        (lambda t: t["steps"][0]["given"][0].update(offset=0.5), "where a whole number"),
        (lambda t: t["steps"][0]["given"][0].update(offset=1 << 39), "beyond the end"),
        (lambda t: t.update(frames=8.7), "where a whole number"),
        (lambda t: t["programs"][0]["inputs"][0].update(shape=[1, 1, 4, -8]), "whole number"),
        (lambda t: t["programs"][0]["inputs"][0].update(shape=[1 << 30] * 3), "is too large"),
        (lambda t: t["programs"][0]["outputs"][0].update(name="frame", shape=[1]), "two shapes"),
        (lambda t: t["programs"][0]["outputs"][0].update(shown_by="none"), "is shown by none"),
        (lambda t: t["programs"][0]["states"].append({"input": "a", "output": "b", "reset": 0.0}),
         "is of no input or output"),
        (lambda t: t["programs"].append(t["programs"][0]), "describes matte twice"),
        (lambda t: t.update(schema_version=2), "schema_version 2; this runner reads 1"),
    ],
)  # fmt: skip
def test_a_hostile_trace_is_refused(
    runner: Runner, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    trace_change(runner.bundle, change)
    done = runner()
    result = read_result(runner.out)
    assert (done.returncode, result.status) == (1, "load_failed")
    assert reason in result.errors[0]


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
