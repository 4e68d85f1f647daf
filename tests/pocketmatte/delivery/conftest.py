"""A bundle of two networks and a lock of it, made once; tests change copies."""

import shutil
from pathlib import Path

import pytest

from tests.pocketmatte.delivery.delivered import bundle_with_packages, write_lock


@pytest.fixture(scope="session")
def _kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("delivery")
    bundle_with_packages(folder / "bundle")
    write_lock(folder / "bundle", folder / "tiers.lock.json")
    return folder


@pytest.fixture
def root(_kept: Path, tmp_path: Path) -> Path:
    """Return a bundle of its own."""
    return Path(shutil.copytree(_kept / "bundle", tmp_path / "bundle"))


@pytest.fixture
def lock(_kept: Path, tmp_path: Path) -> Path:
    """Return a lock of it for all devices."""
    return Path(shutil.copy(_kept / "tiers.lock.json", tmp_path))
