"""Classes that get the same, and who gets what where the lock says nothing of a class."""

from pathlib import Path
from typing import Any

import pytest

from pocketmatte.selection.delivery.levels import levels_of
from pocketmatte.selection.lock import read_lock
from tests.pocketmatte.delivery.delivered import write_lock
from tiers.errors import BundleError


def test_a_class_that_no_device_is_in_gets_what_the_next_lower_one_gets(
    root: Path, tmp_path: Path
) -> None:
    lock = write_lock(root, tmp_path / "x.json")
    ios = levels_of(read_lock(lock), "ios")
    assert [each.classes for each in ios][:2] == [
        ("t01", "t02", "t03", "t04", "t05"),
        ("t06", "t07"),
    ]
    taken = ios[0].choices["rvm"]
    assert taken is not None
    assert taken.tier == "t04"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"class_name": "t05", "platform": "android"}, "asked by class"),
        ({"device": "Pixel 6"}, "asked by device"),
        ({"every": True, "platform": "ios"}, "without android"),
    ],
)
def test_packs_want_a_lock_of_every_device(
    root: Path, tmp_path: Path, asked: dict[str, Any], said: str
) -> None:
    lock = write_lock(root, tmp_path / "x.json", **asked)
    with pytest.raises(BundleError, match=f"{said}; run pocketmatte select again with --all"):
        levels_of(read_lock(lock), "android")


def test_a_lowest_class_that_gets_nothing_is_refused_unless_it_may(
    root: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "app.toml"
    policy.write_text('schema_version = 1\nminimum_tier = "t05"\n')
    lock = write_lock(root, tmp_path / "x.json", policy)
    with pytest.raises(
        BundleError, match="t01 of android gets nothing of fusion, so a device that"
    ):
        levels_of(read_lock(lock), "android")
    policy.write_text('schema_version = 1\nminimum_tier = "t05"\noptional = true\n')
    lock = write_lock(root, tmp_path / "x.json", policy)
    assert levels_of(read_lock(lock), "android")[0].choices == {"rvm": None, "fusion": None}
