"""Processes that add to one store at once lose nothing, and a killed one locks nobody out."""

import fcntl
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.device_results.adding import add
from pocketmatte.device_results.store import INDEX_NAME, opened
from tests.pocketmatte.device_results.made import made, tree, written


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def index(store: Path) -> Any:
    return json.loads((store / INDEX_NAME).read_text())


_ADDING = """
import sys
from pathlib import Path
from pocketmatte.device_results.adding import add
print("at work", flush=True)
for source in sys.argv[2:]:
    add([Path(source)], Path(sys.argv[1]))
"""


def adding(store: Path, files: list[Path]) -> "subprocess.Popen[bytes]":
    words = [sys.executable, "-c", _ADDING, str(store), *map(str, files)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_processes_at_once_lose_nothing(tmp_path: Path, store: Path) -> None:
    files = [written(tmp_path / "in" / f"{i}.json", made(f"run-{i % 20}")) for i in range(24)]
    at_work = [adding(store, files[first::4]) for first in range(4)]
    assert [(each.communicate()[1], each.returncode) for each in at_work] == [(b"", 0)] * 4
    assert len(index(store)["results"]) == 20
    alone = tmp_path / "alone"
    add(files, alone)
    assert tree(alone) == tree(store)


def test_a_process_waits_for_the_lock_and_one_that_was_killed_holds_none(
    tmp_path: Path, store: Path
) -> None:
    file = written(tmp_path / "in" / "a.json", made())
    with opened(store):
        waiting = adding(store, [file])
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == b"at work\n"
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(2)
        assert index(store)["results"] == []
        waiting.send_signal(signal.SIGKILL)
        waiting.communicate()
    with (store / ".lock").open("r") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert add([file], store).total == 1


def test_a_store_that_another_process_is_about_to_make_is_no_folder_of_something_else(
    store: Path,
) -> None:
    store.mkdir()
    (store / ".lock").touch()
    (store / f".{INDEX_NAME}.partial").touch()
    with opened(store):
        assert index(store) == {"results": [], "schema_version": 1}


def test_the_lock_is_what_keeps_processes_apart(
    tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(store), monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", lambda *_: None)
        assert add([written(tmp_path / "a.json", made())], store).total == 1
