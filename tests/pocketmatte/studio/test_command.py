"""The command: what it says, and what it leaves behind."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.studio.guard import LOOPBACK
from pocketmatte.studio.serving import listening

_SECONDS = 120.0  # that the studio may take to begin or end on a loaded machine


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_the_studio_ends_cleanly_and_leaves_nothing(
    root: Path, video: Path, tmp_path: Path, number: signal.Signals
) -> None:
    words = [sys.executable, "-m", "pocketmatte", "studio", "--no-browser", "--threads", "1"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(words, cwd=root, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        address = line.split()[4]
        assert address.startswith(f"http://{LOOPBACK}:")
        assert b"PocketMatte studio" in urllib.request.urlopen(address, timeout=_SECONDS).read()
        news = urllib.request.urlopen(f"{address}events", timeout=_SECONDS)  # stays open
        request = urllib.request.Request(f"{address}open?name=clip.mp4", video.read_bytes())
        assert urllib.request.urlopen(request, timeout=_SECONDS).status == 202
        (folder,) = tmp_path.glob("pocketmatte-studio-*")
        assert folder.stat().st_mode & 0o077 == 0  # its owner's alone
        process.send_signal(number)
        assert process.wait(_SECONDS) == 0
        news.close()
    finally:
        process.kill()
    assert process.stderr.read().splitlines() == ["the studio ended; what it kept is gone"]
    assert list(tmp_path.iterdir()) == []


def test_it_listens_on_this_machine_alone() -> None:
    with listening(0) as listener:
        assert listener.getsockname()[0] == LOOPBACK


def test_a_port_that_is_taken_is_told(cli: Callable[..., Any]) -> None:
    with listening(0) as listener:
        port = listener.getsockname()[1]
        said = cli("studio", "--no-browser", "--port", port).refusal(2)
    assert said.startswith(f"--port {port} cannot be listened on (Address already in use)")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--port", 70000), "--port is 70000; give 1 to 65535, or 0 for any free one"),
        (("--most-mb", 0), "--most-mb is 0; it must be 1 or more"),
        (("--threads", 0), "--threads is 0; it must be 1 or more"),
    ],
)
def test_wrong_use_is_told_in_one_line(
    cli: Callable[..., Any], words: tuple[object, ...], message: str
) -> None:
    assert cli("studio", "--no-browser", *words).refusal(2) == message


def test_a_file_that_is_no_video_is_refused_before_anything_is_served(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "a.mp4").write_text("no video")
    assert "is no readable video" in cli("studio", tmp_path / "a.mp4", "--no-browser").refusal(1)


def test_a_bundle_that_is_none_is_refused(cli: Callable[..., Any], tmp_path: Path) -> None:
    assert "manifest.json" in cli("studio", "--bundle", tmp_path, "--no-browser").refusal(2)


def test_without_its_libraries_it_says_what_to_install(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "uvicorn" else found(name, *a)
    )
    said = cli("studio", "--no-browser").refusal(1)
    assert "pip install 'pocketmatte[studio]'" in said


def test_its_libraries_are_not_loaded_for_help(root: Path) -> None:
    program = (
        "import sys; from pocketmatte.cli import run; run(['studio', '--help']);"
        " sys.exit(any(name in sys.modules for name in ('starlette', 'uvicorn', 'torch')))"
    )
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, cwd=root, capture_output=True, check=False, timeout=_SECONDS)
    assert done.returncode == 0


def test_a_machine_is_told_the_address_as_json(root: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "pocketmatte", "studio", "--no-browser", "--json"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(words, cwd=root, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        address = json.loads("".join(lines))["address"]
        assert urllib.request.urlopen(address, timeout=_SECONDS).status == 200
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(_SECONDS) == 0
