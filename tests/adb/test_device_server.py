"""The device server is one to the real adb client, in both forms of its services."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.adb.device_server import FEATURES, NEWER_FEATURES, Device

BOTH = pytest.mark.parametrize("features", [FEATURES, NEWER_FEATURES], ids=["older", "newer"])


def run(device: Device, *words: str) -> subprocess.CompletedProcess[bytes]:
    command = ["adb", "-s", device.serial, *words]
    return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)


@BOTH
def test_a_shell_keeps_output_errors_and_exit_code_apart(
    connect: Callable[..., Device], features: str
) -> None:
    said = run(connect(features), "shell", "echo out; echo err >&2; exit 3")
    assert (said.stdout, said.stderr, said.returncode) == (b"out\n", b"err\n", 3)


@BOTH
def test_what_is_pushed_comes_back_byte_for_byte(
    connect: Callable[..., Device], features: str, tmp_path: Path
) -> None:
    device = connect(features)
    (tmp_path / "there").write_bytes(os.urandom(1_000_001))
    assert run(device, "push", str(tmp_path / "there"), "/data/local/tmp/a/b").returncode == 0
    assert run(device, "pull", "/data/local/tmp/a/b", str(tmp_path / "back")).returncode == 0
    assert (tmp_path / "back").read_bytes() == (tmp_path / "there").read_bytes()


def test_a_command_that_a_signal_ends_says_so(connect: Callable[..., Device]) -> None:
    assert run(connect(), "shell", "kill -9 $$").returncode == 128 + 9


def test_a_shell_of_the_first_form_has_one_stream_and_no_code(
    connect: Callable[..., Device],
) -> None:
    said = run(connect("cmd"), "shell", "echo err >&2; exit 3")
    assert (said.stdout, said.returncode) == (b"err\n", 0)


def test_a_file_that_is_not_there_cannot_be_pulled(
    connect: Callable[..., Device], tmp_path: Path
) -> None:
    said = run(connect(), "pull", "/data/local/tmp/none", str(tmp_path / "back"))
    assert said.returncode == 1
    assert b"does not exist" in said.stdout + said.stderr
