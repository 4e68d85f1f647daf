"""What a device chooses by comes along, with the tiers that it may step to and no others."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.pocketmatte.delivery.delivered import below, delivery, write_lock

DEVICE = "tiers.device.json"


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_without_neighbours_there_is_no_device_file(root: Path, lock: Path, tmp_path: Path) -> None:
    delivery(root, lock, tmp_path / "out")
    assert DEVICE not in below(tmp_path / "out")


def test_neighbours_of_the_apps_platform_come_along_and_those_of_others_do_not(
    root: Path, tmp_path: Path
) -> None:
    lock = write_lock(root, tmp_path / "x.json", class_name="t05")
    delivery(root, lock, tmp_path / "plain")
    delivery(root, lock, tmp_path / "out", neighbours=1)
    device = read(tmp_path / "out" / DEVICE)
    rows = device["neighbours"]
    assert {each["platform"] for each in rows} == {"android"}
    named = {file["path"] for row in rows for step in row["steps"] for file in step["files"]}
    more = set(below(tmp_path / "out")) - set(below(tmp_path / "plain"))
    assert more == named | {DEVICE}
    assert {path.split("/")[1] for path in named} == {"t04", "t06"}
    for path in named:
        assert (tmp_path / "out" / path).read_bytes() == (root / path).read_bytes()


@pytest.mark.parametrize(
    ("layout", "folder"), [("ai-packs", "app/pocketmatte"), ("background-assets", "app")]
)
def test_packs_take_the_device_file_without_other_tiers(
    root: Path, lock: Path, tmp_path: Path, layout: str, folder: str
) -> None:
    delivery(root, lock, tmp_path / "plain", layout)
    delivery(root, lock, tmp_path / "out", layout, neighbours=0)
    more = set(below(tmp_path / "out")) - set(below(tmp_path / "plain"))
    assert more == {f"{folder}/{DEVICE}"}
    device = read(tmp_path / "out" / folder / DEVICE)
    assert all(row["steps"] == [] for row in device["neighbours"])
