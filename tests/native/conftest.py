"""A small bundle, the native runner on it, and the command line as other folders call it."""

import shutil
from pathlib import Path

import pytest

from tests.adb.small_bundle import write_bundle
from tests.native.programs import times
from tests.native.running import Runner
from tests.pocketmatte.conftest import cli

__all__ = ["cli"]


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle whose program gives what its trace expects."""
    return write_bundle(tmp_path_factory.mktemp("whole") / "bundle", program=times(0.5))


@pytest.fixture
def bundle(whole: Path, tmp_path: Path) -> Path:
    """Return a fresh copy of it."""
    return shutil.copytree(whole, tmp_path / "bundle")


@pytest.fixture
def runner(host_runner: Path, bundle: Path) -> Runner:
    return Runner(host_runner, bundle)
