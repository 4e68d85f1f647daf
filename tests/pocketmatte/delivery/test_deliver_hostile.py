"""Locks that are damaged or hostile: a delivery of them is whole, or there is none."""

import json
import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from export.artifact import sha256_of
from pocketmatte.selection.delivery.writing import RECORD
from tests.pocketmatte.delivery.delivered import (
    LAYOUTS,
    below,
    bundle_with_packages,
    delivery,
    edit,
    refused,
    write_lock,
)
from tests.pocketmatte.selection.test_select_hostile import corrupted, places, refused_or
from tiers.errors import BundleError


@pytest.mark.parametrize("layout", LAYOUTS)
def test_corrupted_locks_deliver_what_they_say_or_nothing(tmp_path: Path, layout: str) -> None:
    root = bundle_with_packages(tmp_path / "bundle", networks=("fusion",), tiers=("t01", "t05"))
    lock, out = write_lock(root, tmp_path / "tiers.lock.json"), tmp_path / "out"
    source, text = random.Random(43), lock.read_text()
    ways = [way for way in places(json.loads(text)) if way[0] != "results"]
    known = {sha256_of(path) for path in root.rglob("*") if path.is_file()}
    said: Counter[str] = Counter()
    for _ in range(150):
        lock.write_bytes(corrupted(text, ways, source))
        said[refused_or(lambda: delivery(root, lock, out, layout, frozen=True))] += 1
        if out.exists():
            copied = [name for name in below(out) if name.endswith((".pte", ".bin"))]
            assert all(sha256_of(out / name) in known for name in copied)
            shutil.rmtree(out)
    assert said["refused"] > 20
    assert said["answered"] > 5


@pytest.mark.parametrize("name", ['rvm"); evil("', "../../x", "a/b", "RVM"])
@pytest.mark.parametrize("layout", ["ai-packs", "background-assets"])
def test_a_network_that_is_none_never_reaches_a_build_file(
    root: Path, lock: Path, tmp_path: Path, layout: str, name: str
) -> None:
    def rename(held: dict[str, Any]) -> None:
        held["rules"][name] = held["rules"]["rvm"] | {"optional": True}
        for group in held["groups"]:
            group["choices"][0] |= {"network": name, "taken": None}

    edit(lock, rename)
    with pytest.raises(BundleError, match="which this PocketMatte has not"):
        delivery(root, lock, tmp_path / "out", layout, frozen=True)
    assert not (tmp_path / "out").exists()


def test_classes_of_different_networks_are_refused(root: Path, lock: Path, tmp_path: Path) -> None:
    edit(lock, lambda held: held["groups"][3]["choices"].pop())
    with pytest.raises(BundleError, match="differ in their networks"):
        delivery(root, lock, tmp_path / "out", "ai-packs", frozen=True)


def test_a_record_that_names_others_files_takes_none_of_them(
    root: Path, lock: Path, tmp_path: Path
) -> None:
    out, mine = tmp_path / "out", tmp_path / "mine.txt"
    mine.write_text("mine")
    delivery(root, lock, out)
    other = {"path": "../mine.txt", "sha256": sha256_of(mine), "size_bytes": 4}
    edit(out / RECORD, lambda held: held["files"].append(other))
    delivery(root, lock, out)
    assert mine.read_text() == "mine"


def test_a_folder_that_cannot_be_read_is_said(
    root: Path, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def walk(top: Path, onerror: Any) -> list[Any]:
        onerror(PermissionError(13, "Permission denied", str(top / "hidden")))
        return []

    delivery(root, lock, tmp_path / "out")
    monkeypatch.setattr("pocketmatte.selection.delivery.writing.os.walk", walk)
    with pytest.raises(BundleError, match=r"hidden cannot be read \(Permission denied\)"):
        delivery(root, lock, tmp_path / "out")


def test_a_file_that_is_not_in_the_folder_of_its_network_is_refused(
    root: Path, tmp_path: Path
) -> None:
    def move(held: dict[str, Any]) -> None:
        for each in held["artifacts"]:
            if each["path"] == "rvm/t05/matte-fp16.pte":
                each["path"] = "fusion/t05/matte-fp16.pte"

    edit(root / "manifest.json", move)
    edit(root / "results/parity.json", move)
    (root / "rvm/t05/matte-fp16.pte").rename(root / "fusion/t05/matte-fp16.pte")
    lock = write_lock(root, tmp_path / "x.json")
    said = refused(root, lock, tmp_path / "out", "ai-packs")
    assert said.startswith("fusion/t05/matte-fp16.pte is of rvm and not in a folder of that name")
    assert delivery(root, lock, tmp_path / "out").done is not None


def test_one_pack_of_apple_never_holds_two_sets_of_files(
    root: Path, lock: Path, tmp_path: Path
) -> None:
    def drop(held: dict[str, Any]) -> None:
        group = next(each for each in held["groups"] if each["platform"] == "ipados")
        choice = next(each for each in group["choices"] if each["network"] == "fusion")
        choice["taken"]["files"].pop()

    edit(lock, drop)
    said = refused(root, lock, tmp_path / "out", "background-assets", frozen=True)
    assert "pack pocketmatte-fusion-t04-coreml-fp16 would hold two sets of files" in said
