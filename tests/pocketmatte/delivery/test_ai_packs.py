"""Modules of Play's AI packs: a folder for each group, exactly the files of the lock."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from export.artifact import sha256_of
from pocketmatte.selection.classes import CLASSES
from pocketmatte.selection.delivery import ai_packs
from pocketmatte.selection.delivery.targeting_xml import read_targeting
from tests.pocketmatte.delivery.delivered import NETWORKS, below, delivery, edit, taken, write_lock
from tiers.errors import BundleError

TIERS = [each.tier for each in CLASSES]


@pytest.fixture
def out(root: Path, lock: Path, tmp_path: Path) -> Path:
    """Return a delivery."""
    delivery(root, lock, tmp_path / "packs", "ai-packs")
    return tmp_path / "packs"


def variant(out: Path, network: str, group: str) -> Path:
    """Return the folder of a network for a group."""
    return out / f"pocketmatte_{network}/src/main/assets/{network}#group_{group}"


@pytest.mark.parametrize("network", NETWORKS)
def test_each_group_has_the_files_of_the_lock_and_no_others(
    out: Path, lock: Path, network: str
) -> None:
    for tier in TIERS:
        group = "other" if tier == "t01" else f"pocketmatte_{tier}"
        choice = taken(lock, "android", tier, network)
        folder = variant(out, network, group)
        found = {name for name in below(folder) if name != ai_packs.DELIVERED}
        assert found == {file.path.removeprefix(f"{network}/") for file in choice.files}
        for file in choice.files:
            assert sha256_of(folder / file.path.removeprefix(f"{network}/")) == file.sha256
        said = json.loads((folder / ai_packs.DELIVERED).read_text())
        assert (said["group"], said["classes"], said["tier"]) == (group, [tier], choice.tier)


def test_every_group_of_the_targeting_file_has_a_folder_in_every_pack_and_the_other_way_round(
    out: Path,
) -> None:
    groups = {name for name, _ in read_targeting((out / "device_targeting_config.xml").read_text())}
    assert groups == {f"pocketmatte_{tier}" for tier in TIERS[1:]}
    for network in NETWORKS:
        assets = out / f"pocketmatte_{network}/src/main/assets"
        folders = {each.name.partition("#group_")[2] for each in assets.iterdir()}
        assert folders == groups | {"other"}


def test_a_module_is_of_its_pack_and_comes_when_it_is_asked_to(
    root: Path, lock: Path, out: Path, tmp_path: Path
) -> None:
    text = (out / "pocketmatte_rvm/build.gradle.kts").read_text()
    assert 'id("com.android.ai-pack")' in text
    assert 'packName.set("pocketmatte_rvm")' in text
    assert 'deliveryType.set("install-time")' in text
    delivery(root, lock, tmp_path / "later", "ai-packs", delivery="on-demand")
    later = (tmp_path / "later/pocketmatte_rvm/build.gradle.kts").read_text()
    assert 'deliveryType.set("on-demand")' in later


def test_names_of_packs_and_groups_are_such_as_play_documents(out: Path) -> None:
    for path in out.glob("pocketmatte_*"):
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", path.name)


def test_the_index_says_which_pack_holds_which_file_for_whom(out: Path, lock: Path) -> None:
    index = json.loads((out / ai_packs.INDEX).read_text())
    assert index["default_group"] == "other"
    by_group = {each["group"]: each for each in index["groups"]}
    assert by_group["other"]["classes"] == ["t01"]
    assert [each["group"] for each in index["groups"]][:2] == ["other", "pocketmatte_t12"]
    for group, row in by_group.items():
        for choice in row["choices"]:
            assert choice["pack"] == f"pocketmatte_{choice['network']}"
            wanted = taken(lock, "android", row["classes"][0], choice["network"])
            assert [each["path"] for each in choice["files"]] == [f.path for f in wanted.files]
            for file in choice["files"]:
                inside = file["path"].removeprefix(f"{choice['network']}/")
                assert (variant(out, choice["network"], group) / inside).is_file()
    assert (out / "app/pocketmatte/tiers.lock.json").read_bytes() == lock.read_bytes()


def test_where_all_get_the_same_there_is_no_targeting(root: Path, tmp_path: Path) -> None:
    policy = tmp_path / "app.toml"
    policy.write_text('schema_version = 1\nnetworks = ["rvm"]\n')
    lock = write_lock(root, tmp_path / "x.json", policy)

    def one(held: dict[str, Any]) -> None:
        android = [each for each in held["groups"] if each["platform"] == "android"]
        for each in android:
            each["choices"] = android[0]["choices"]

    edit(lock, one)
    delivery(root, lock, tmp_path / "out", "ai-packs", frozen=True)
    found = below(tmp_path / "out")
    assert "device_targeting_config.xml" not in found
    assert not any("#group" in name for name in found)
    assert "pocketmatte_rvm/src/main/assets/rvm/t01/matte-fp16.pte" in found


def test_an_optional_network_that_the_lowest_do_not_get_says_so_in_their_pack(
    root: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "app.toml"
    policy.write_text(
        'schema_version = 1\n[network.fusion]\nminimum_tier = "t03"\noptional = true\n'
    )
    lock = write_lock(root, tmp_path / "x.json", policy)
    delivery(root, lock, tmp_path / "out", "ai-packs", policy=policy)
    folder = variant(tmp_path / "out", "fusion", "other")
    assert set(below(folder)) == {ai_packs.DELIVERED}
    said = json.loads((folder / ai_packs.DELIVERED).read_text())
    assert (said["tier"], said["files"], said["classes"]) == (None, [], ["t01"])
    assert (variant(tmp_path / "out", "rvm", "other") / "t01/matte-fp16.pte").is_file()


@pytest.mark.parametrize(
    ("limit", "value", "said"),
    [
        ("MOST_PACK_BYTES", 399, "pack pocketmatte_fusion has 400 bytes for other, Play takes 399"),
        ("MOST_APP_BYTES", 599, "all packs together have 600 bytes for other, Play takes 599"),
    ],
)
def test_packs_beyond_a_limit_are_refused(
    root: Path, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str,
    value: int, said: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(ai_packs, limit, value)
    with pytest.raises(BundleError, match=said):
        delivery(root, lock, tmp_path / "out", "ai-packs")
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(ai_packs, limit, value + 1)
    assert delivery(root, lock, tmp_path / "out", "ai-packs").done is not None
