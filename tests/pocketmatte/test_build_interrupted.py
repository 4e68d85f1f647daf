import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from export.manifest import FILE_NAME, read_manifest

# Stops a build, in whichever process, where an artifact is written but not yet in its place.
STALL = """
import time
import export.atomic
def stall(path, flush=export.atomic._flush):
    if path.name.endswith(".onnx.partial"):
        time.sleep(600)
    flush(path)
export.atomic._flush = stall
"""
# A process started in the background may inherit a SIGINT that is ignored; a terminal's does not.
COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from pocketmatte.cli import main
main()
"""
PATIENCE_SECONDS = 120  # a loaded machine takes long to import PyTorch twice


@pytest.fixture
def started(root: Path, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return a way to start a build in a process group of its own that stalls half-way."""
    (tmp_path / "stall").mkdir()
    (tmp_path / "stall" / "sitecustomize.py").write_text(STALL)
    path = os.pathsep.join((str(tmp_path / "stall"), str(root)))
    running: list[subprocess.Popen[str]] = []

    def start(*words: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *map(str, words)],
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        if group_lives(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(holds: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, f"waited {PATIENCE_SECONDS} s until {what}"
        time.sleep(0.02)


def partials(out: Path) -> list[Path]:
    return list(out.rglob(".*.onnx.partial"))


def words(out: Path, tiers: str, jobs: int) -> list[object]:
    part = ("--tier", tiers, "--format", "onnx", "--recipe", "fp32")
    return ["build", "--network", "rvm", *part, "--jobs", jobs, "--out", out]


@pytest.mark.parametrize(("tiers", "jobs"), [("t01", 1), ("t01,t02", 2)])
def test_ctrl_c_ends_a_build_with_130_and_nothing_half_written(
    started: Callable[..., subprocess.Popen[str]], tmp_path: Path, tiers: str, jobs: int
) -> None:
    out = tmp_path / "out"
    process = started(*words(out, tiers, jobs))
    wait_until(lambda: partials(out) or process.poll() is not None, "an artifact is half-written")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the build
    stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, stderr
    assert stdout == ""
    message = "stopped; what was finished is kept, nothing is half-written"
    assert stderr == f"pocketmatte: {message}\n"
    wait_until(lambda: not group_lives(process.pid), "every process of the build has ended")
    assert list(out.rglob("*.partial")) == []
    assert read_manifest(out).artifacts == []


def test_a_killed_build_is_never_taken_for_whole_and_goes_on_later(
    started: Callable[..., subprocess.Popen[str]], cli: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = started(*words(out, "t01,t02", 2))
    wait_until(lambda: partials(out) or process.poll() is not None, "an artifact is half-written")
    process.kill()  # the workers get no signal at all
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    wait_until(lambda: not group_lives(process.pid), "the workers follow their parent")
    assert partials(out)
    assert list(out.rglob("*.onnx")) == []
    said = cli("verify", out)
    assert said.refusal(1) == f"{out} holds no artifact; run pocketmatte build first"

    assert cli(*words(out, "t01", 1)).code == 0
    assert list(out.rglob("*.partial")) == []
    assert cli("verify", out, "--frames", 2).code == 0


def test_a_build_killed_before_its_first_manifest_goes_on_later(
    cli: Callable[..., Any], bundle: Path, t01_weights: Path
) -> None:
    (bundle / FILE_NAME).unlink()
    package = bundle / "rvm" / "t01" / ".matte-fp32.mlpackage.partial"
    package.mkdir()
    (package / "half").touch()
    (bundle / "rvm" / "t01" / ".matte-fp16.mlpackage.replaced").mkdir()
    said = cli(*words(bundle, "t01", 1), "--weights", t01_weights, "--json")
    assert [event["outcome"] for event in said.json()["artifacts"]] == ["built"]
    names = sorted(path.name for path in (bundle / "rvm" / "t01").iterdir())
    assert names == ["matte-fp16.onnx", "matte-fp32.onnx"]
