"""Sessions of the native runner, and what they say when it goes wrong."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from pocketmatte.native.emulation import CPUS
from pocketmatte.native.served import ServedSession
from pocketmatte.runtimes.arm64 import ServedRuntime, arm64_executorch, native_executorch
from tests.native.programs import contract, times
from tiers.errors import BundleError, RuntimeUnavailableError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "half.pte"
    path.write_bytes(times(0.5))
    return path


@pytest.fixture
def session(host_runner: Path, file: Path) -> Iterator[ServedSession]:
    loaded = native_executorch(host_runner).load(file, contract(), threads=1)
    yield loaded
    loaded.close()


def frame(value: float) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    return {"frame": np.full((1, 1, 4, 8), value, dtype=np.float32)}


def test_it_runs_as_often_as_it_is_asked(session: ServedSession) -> None:
    for value in (0.25, 0.5, 1.0):
        assert np.array_equal(session.run(frame(value))["alpha"], frame(value / 2)["frame"])
    facts = session.facts
    assert (facts["runtime"], facts["provider"]) == ("native", "XnnpackBackend")


def test_a_closed_session_does_not_run(session: ServedSession) -> None:
    session.close()
    with pytest.raises(ValueError, match="is closed; load the file again"):
        session.run(frame(0.5))


def test_what_is_not_of_the_contract_is_refused(session: ServedSession) -> None:
    with pytest.raises(ValueError, match="inputs are other; expected frame"):
        session.run({"other": frame(0.5)["frame"]})


def test_a_runner_that_dies_is_said(session: ServedSession) -> None:
    os.kill(session._process.pid, signal.SIGKILL)
    session._process.wait()
    with pytest.raises(BundleError, match=r"ended with -9: it said nothing"):
        session.run(frame(0.5))


def test_a_file_of_another_shape_is_refused(host_runner: Path, file: Path) -> None:
    with pytest.raises(BundleError, match="holds another program: its inputs are"):
        native_executorch(host_runner).load(file, contract(side=16), threads=1)


def test_a_truncated_file_is_refused_with_the_runtimes_reason(
    host_runner: Path, file: Path
) -> None:
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(BundleError, match=r"refuses .*half\.pte: error .*build it again"):
        native_executorch(host_runner).load(file, contract(), threads=1)


@pytest.mark.parametrize("make", [native_executorch, lambda f: arm64_executorch(CPUS["i8mm"], f)])
def test_where_no_runner_was_built_the_way_out_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: Path,
    make: Callable[[Path], ServedRuntime],
) -> None:
    monkeypatch.setattr("pocketmatte.native.emulation.unemulatable", lambda: None)
    runtime = make(tmp_path / "linux-none")
    assert "build it with: pocketmatte runner --target linux-none" in (runtime.unavailable() or "")
    with pytest.raises(RuntimeUnavailableError, match="no native runner in"):
        runtime.load(file, contract(), threads=1)


@pytest.mark.parametrize("name", CPUS)
def test_every_emulated_processor_gives_what_this_one_gives(
    arm_runner: Path, file: Path, session: ServedSession, name: str
) -> None:
    emulated = arm64_executorch(CPUS[name], arm_runner).load(file, contract(), threads=1)
    try:
        given = {"frame": np.random.default_rng(3).random((1, 1, 4, 8), dtype=np.float32)}
        assert np.array_equal(emulated.run(given)["alpha"], session.run(given)["alpha"])
        assert emulated.facts["runtime"] == f"arm64:{name}"
    finally:
        emulated.close()
