"""A real Dask scheduler and two workers on this machine, one of them killed in mid-build."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from export.manifest import FILE_NAME

FP32, FP16 = "rvm/t01/matte-fp32.onnx", "rvm/t01/matte-fp16.onnx"
PATIENCE_SECONDS = 180  # a loaded machine takes long to import PyTorch three times

# Stops whoever has it where an artifact is written but not yet in its place, and says so.
STALL = """
import time
from pathlib import Path
import export.atomic
def stall(path, flush=export.atomic._flush):
    if path.name.endswith(".onnx.partial"):
        Path({marker!r}).touch()
        time.sleep(600)
    flush(path)
export.atomic._flush = stall
"""


class Machines:
    """A scheduler, and workers as they are asked for."""

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder, self._root = folder, root
        self._running: list[subprocess.Popen[bytes]] = []
        self._file = folder / "scheduler.json"
        self._start("dask_scheduler", "--port", "0", "--dashboard-address", ":0")
        wait_until(self._file.exists)
        self.address: str = json.loads(self._file.read_text())["address"]

    def worker(self, *words: str, stall: Path | None = None) -> subprocess.Popen[bytes]:
        path = str(self._root)
        if stall is not None:
            own = self._folder / "stall"
            own.mkdir()
            (own / "sitecustomize.py").write_text(STALL.format(marker=str(stall)))
            path = os.pathsep.join((str(own), path))
        plain = ("--nthreads", "1", "--no-nanny", "--no-dashboard")
        return self._start("dask_worker", *(words or plain), path=path)

    def stop(self) -> None:
        for process in self._running:
            process.kill()
            process.wait()

    def _start(self, module: str, *words: str, path: str = "") -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{module}", "--scheduler-file", self._file,
             *words],
            env={**os.environ, "PYTHONPATH": path}, cwd=self._folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._running.append(process)
        return process


@pytest.fixture
def machines(tmp_path: Path, root: Path) -> Iterator[Machines]:
    pytest.importorskip("distributed", reason="not run: builds on a cluster need dask")
    found = Machines(tmp_path, root)
    yield found
    found.stop()


def wait_until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, f"waited {PATIENCE_SECONDS} s"
        time.sleep(0.05)


def workers_of(address: str) -> int:
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        return len(client.nthreads())


def words(out: Path, weights: Path, address: str) -> list[object]:
    part = ("--tier", "t01", "--format", "onnx", "--recipe", "fp32,fp16", "--json")
    where = ("--weights", weights, "--scheduler", address, "--out", out)
    return ["build", "--network", "rvm", *part, *where]


def test_a_cluster_builds_the_same_bytes_though_a_worker_is_killed(
    cli: Callable[..., Any], machines: Machines, bundle: Path, t01_weights: Path, tmp_path: Path
) -> None:
    marker = tmp_path / "stalled"
    doomed = machines.worker(stall=marker)
    machines.worker()
    wait_until(lambda: workers_of(machines.address) == 2)

    def kill() -> None:
        wait_until(marker.exists)
        doomed.send_signal(signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    said = cli(*words(tmp_path / "out", t01_weights, machines.address))
    killer.join()
    assert doomed.wait() == -signal.SIGKILL
    assert said.code == 0, said.err
    assert {event["outcome"] for event in said.json()["artifacts"]} == {"built"}
    for name in (FP32, FP16, FILE_NAME):
        assert (tmp_path / "out" / name).read_bytes() == (bundle / name).read_bytes()


def test_weights_that_are_lost_with_a_worker_are_sent_again(
    cli: Callable[..., Any], machines: Machines, bundle: Path, t01_weights: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """All workers get them; Dask, which has too many copies of everything, keeps one."""
    from distributed import Client

    scatter = Client.scatter
    sent = []

    def to_one(client: Any, data: object, **given: object) -> object:
        sent.append(data)
        return scatter(client, data, **({} if len(sent) == 1 else given))

    monkeypatch.setattr(Client, "scatter", to_one)
    marker = tmp_path / "stalled"
    doomed = machines.worker(stall=marker)
    wait_until(lambda: workers_of(machines.address) == 1)

    def kill() -> None:
        wait_until(marker.exists)
        machines.worker()
        wait_until(lambda: workers_of(machines.address) == 2)
        doomed.send_signal(signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    part = words(tmp_path / "out", t01_weights, machines.address)
    said = cli(*["fp32" if word == "fp32,fp16" else word for word in part])
    killer.join()
    assert said.code == 0, said.err
    assert len(sent) == 2
    assert (tmp_path / "out" / FP32).read_bytes() == (bundle / FP32).read_bytes()


def test_a_scheduler_that_does_not_answer_or_has_no_workers_is_said_in_one_line(
    cli: Callable[..., Any], machines: Machines, t01_weights: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    said = cli(*words(tmp_path / "out", t01_weights, machines.address))
    assert said.refusal(1).endswith(f"has no workers; start some: dask worker {machines.address}")
    monkeypatch.setattr("pocketmatte.farm.cluster._CONNECT_S", 1)
    said = cli(*words(tmp_path / "out", t01_weights, "tcp://127.0.0.1:9"))
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in said.refusal(1)


def test_a_worker_of_several_threads_or_of_other_sources_is_refused(
    cli: Callable[..., Any], machines: Machines, t01_weights: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    first = machines.worker("--nthreads", "2", "--no-nanny", "--no-dashboard")
    wait_until(lambda: workers_of(machines.address) == 1)
    said = cli(*words(tmp_path / "out", t01_weights, machines.address))
    assert "has several threads, converters take 1; add --nthreads 1" in said.refusal(1)
    first.kill()
    wait_until(lambda: workers_of(machines.address) == 0)
    machines.worker()
    wait_until(lambda: workers_of(machines.address) == 1)
    monkeypatch.setattr("pocketmatte.build_key._calibration_digest", lambda: "other")
    said = cli(*words(tmp_path / "out", t01_weights, machines.address))
    assert "has another pocketmatte source; install what this machine has" in said.refusal(1)
