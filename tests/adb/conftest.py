"""The real adb client with a private server, and devices on loopback for it."""

import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.adb.device_server import FEATURES, Device
from tests.adb.isolated import NO_ADB, isolated_adb
from tests.adb.scenario import connected
from tests.adb.small_bundle import write_bundle, write_runner


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C reach this process: one that was started in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def adb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the adb program; whatever is started below speaks to a server of our own."""
    if shutil.which("adb") is None:
        pytest.skip(NO_ADB)
    with isolated_adb(tmp_path_factory.mktemp("home")) as program:
        yield program


@pytest.fixture
def connect(adb: str, tmp_path: Path) -> Iterator[Callable[..., Device]]:
    """Return a maker of connected devices: ``connect()``."""
    assert adb
    with ExitStack() as stack:
        made: list[Device] = []

        def make(features: str = FEATURES) -> Device:
            made.append(stack.enter_context(connected(tmp_path / f"device{len(made)}", features)))
            return made[-1]

        yield make


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Return a bundle of one tier in two recipes."""
    return write_bundle(tmp_path / "bundle")


@pytest.fixture
def runner(tmp_path: Path) -> Path:
    """Return the folder of a stand-in of the native runner."""
    return write_runner(tmp_path / "runner")
