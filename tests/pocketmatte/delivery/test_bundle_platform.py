"""``bundle --platform``: an app gets the files of its own platforms, as ``deliver`` gives them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.selection.__main__ import main
from pocketmatte.selection.delivery.writing import RECORD
from pocketmatte.selection.families import FAMILIES
from pocketmatte.selection.shipping import ship
from tests.pocketmatte.delivery.delivered import below, bundle_with_packages, delivery, write_lock
from tiers.errors import BundleError, UsageError


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle for Android and Apple; no test changes it."""
    folder = tmp_path_factory.mktemp("both")
    return bundle_with_packages(folder / "bundle", networks=("rvm",), tiers=("t01", "t05", "t06"))


@pytest.fixture(scope="module")
def lock(root: Path) -> Path:
    """Return a lock of it for all devices."""
    return write_lock(root, root.parent / "tiers.lock.json")


@pytest.mark.parametrize("neighbours", [None, 1])
@pytest.mark.parametrize("platform", FAMILIES)
def test_both_commands_give_an_app_the_same(
    root: Path, lock: Path, tmp_path: Path, platform: str, neighbours: int | None
) -> None:
    ship(lock, root, tmp_path / "ours", neighbours, platform)
    delivery(root, lock, tmp_path / "theirs", platform=platform, neighbours=neighbours)
    theirs = below(tmp_path / "theirs")
    del theirs[RECORD]
    assert below(tmp_path / "ours") == theirs


def test_an_android_app_holds_nothing_of_apples(root: Path, lock: Path, tmp_path: Path) -> None:
    ship(lock, root, tmp_path / "all")
    done = ship(lock, root, tmp_path / "android", platform="android")
    assert done.files
    assert all(name.endswith(".pte") for name in done.files)
    assert any(".mlpackage/" in name for name in below(tmp_path / "all"))
    assert not any(".mlpackage/" in name for name in below(tmp_path / "android"))


def test_a_platform_that_there_is_not_or_that_gets_nothing_is_refused(
    root: Path, lock: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="no platform 'wear'; there are android, ios, ipados, app"):
        ship(lock, root, tmp_path / "out", platform="wear")
    one = write_lock(root, tmp_path / "one.json", every=True, platform="android")
    with pytest.raises(BundleError, match=r"one\.json takes no file for ios or ipados; run"):
        ship(one, root, tmp_path / "out", platform="apple")
    assert not (tmp_path / "out").exists()


def test_both_command_lines_take_it(
    root: Path, lock: Path, tmp_path: Path, cli: Callable[..., Any]
) -> None:
    given = ["bundle", str(lock), "--bundle", str(root), "--platform", "ios", "--out"]
    said = cli(*given, tmp_path / "ours")
    assert said.code == 0
    assert "the lock and the manifest" in " ".join(said.err.split())
    assert main([*given, str(tmp_path / "theirs")]) == 0
    assert below(tmp_path / "ours") == below(tmp_path / "theirs")
