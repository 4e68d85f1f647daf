"""Apple's asset packs: a manifest for each choice, its files, and an index by class."""

import json
from pathlib import Path
from typing import Any

import pytest

from export.artifact import sha256_of
from pocketmatte.selection.classes import CLASSES
from pocketmatte.selection.delivery import background_assets
from pocketmatte.selection.lock import read_lock
from tests.pocketmatte.delivery.delivered import NETWORKS, below, delivery, write_lock
from tiers.errors import BundleError, UsageError


@pytest.fixture
def out(root: Path, lock: Path, tmp_path: Path) -> Path:
    """Return a delivery."""
    delivery(root, lock, tmp_path / "packs", "background-assets")
    return tmp_path / "packs"


def manifests(out: Path) -> dict[str, Any]:
    """Return the manifests by the id of their pack."""
    found = [json.loads(path.read_text()) for path in sorted((out / "packs").iterdir())]
    return {each["assetPackID"]: each for each in found}


def faults(manifest: Any) -> list[str]:
    """Return what is not as Apple documents a manifest."""
    found = []
    if set(manifest) != {"assetPackID", "downloadPolicy", "fileSelectors", "platforms"}:
        found.append("fields")
    ((policy, how),) = manifest["downloadPolicy"].items()
    events = {"firstInstallation", "subsequentUpdate"}
    if policy == "onDemand":
        found += ["onDemand"] if how != {} else []
    elif (
        policy not in ("essential", "prefetch") or not set(how["installationEventTypes"]) <= events
    ):
        found.append("downloadPolicy")
    for selector in manifest["fileSelectors"]:
        ((kind, path),) = selector.items()
        if kind not in ("file", "directory") or path.startswith("/") or ".." in path:
            found.append("fileSelectors")
    if not set(manifest["platforms"]) <= {"iOS", "macOS", "tvOS", "visionOS"}:
        found.append("platforms")
    return found


def test_every_manifest_is_as_apple_documents_it(out: Path) -> None:
    assert len(manifests(out)) == 12
    for pack, manifest in manifests(out).items():
        assert faults(manifest) == [], pack


def test_a_manifest_that_is_not_is_noticed() -> None:
    right = {
        "assetPackID": "a", "downloadPolicy": {"onDemand": {}},
        "fileSelectors": [{"file": "a"}], "platforms": ["iOS"],
    }  # fmt: skip
    assert faults(right) == []
    assert faults(right | {"platforms": ["Android"]}) == ["platforms"]
    assert faults(right | {"downloadPolicy": {"onDemand": {"a": 1}}}) == ["onDemand"]
    assert faults(right | {"fileSelectors": [{"file": "/a"}]}) == ["fileSelectors"]


def test_a_pack_names_the_folders_of_its_choice_and_they_are_there(out: Path, lock: Path) -> None:
    wanted = {
        tuple(file.path for file in choice.taken.files): choice.taken
        for group in read_lock(lock).groups
        if group.platform != "android"
        for choice in group.choices
        if choice.taken
    }
    found = set()
    for manifest in manifests(out).values():
        paths = tuple(each["directory"] for each in manifest["fileSelectors"])
        found.add(paths)
        for file in wanted[paths].files:
            assert sha256_of(out / "files" / file.path) == file.sha256
    assert found == set(wanted)
    files = {name.split(".mlpackage")[0] + ".mlpackage" for name in below(out / "files")}
    assert files == {path for paths in wanted for path in paths}


def test_the_index_has_a_pack_for_every_class_and_network(out: Path) -> None:
    index = json.loads((out / background_assets.INDEX).read_text())
    packs = {each["pack"]: each for each in index["packs"]}
    assert set(packs) == set(manifests(out))
    for platform in ("ios", "ipados"):
        classes = index["platforms"][platform]
        assert sorted(classes) == [each.tier for each in CLASSES]
        for chosen in classes.values():
            assert set(chosen) == set(NETWORKS)
            assert set(chosen.values()) <= set(packs)
    assert index["platforms"]["ios"]["t01"]["rvm"] == "pocketmatte-rvm-t04-coreml-fp16"


@pytest.mark.parametrize("download", ["essential", "prefetch"])
def test_a_pack_comes_when_it_is_asked_to(
    root: Path, lock: Path, tmp_path: Path, download: str
) -> None:
    delivery(root, lock, tmp_path / "out", "background-assets", delivery=download)
    for manifest in manifests(tmp_path / "out").values():
        assert list(manifest["downloadPolicy"]) == [download]
        assert faults(manifest) == []


def test_ids_begin_as_they_are_asked_to(root: Path, lock: Path, tmp_path: Path) -> None:
    delivery(root, lock, tmp_path / "out", "background-assets", pack_prefix="org.example.app")
    assert all(each.startswith("org.example.app-") for each in manifests(tmp_path / "out"))
    with pytest.raises(UsageError, match=r"--pack-prefix is '\.\./a'"):
        delivery(root, lock, tmp_path / "other", "background-assets", pack_prefix="../a")
    with pytest.raises(BundleError, match="makes no id of an asset pack"):
        delivery(root, lock, tmp_path / "other", "background-assets", pack_prefix="a" * 99)


@pytest.mark.parametrize(
    ("limit", "value", "said"),
    [
        ("MOST_PACKS", 11, "there are 12 packs, Apple takes 11"),
        ("MOST_BYTES", 1000, r"the packs have \d+ bytes, Apple takes 1000"),
    ],
)
def test_packs_beyond_a_limit_are_refused(
    root: Path, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str,
    value: int, said: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(background_assets, limit, value)
    with pytest.raises(BundleError, match=said):
        delivery(root, lock, tmp_path / "out", "background-assets")
    assert not (tmp_path / "out").exists()


def test_a_lock_without_apple_has_no_packs(root: Path, tmp_path: Path) -> None:
    lock = write_lock(root, tmp_path / "x.json", every=True, platform="android")
    with pytest.raises(BundleError, match="the lock has no class of ios or ipados"):
        delivery(root, lock, tmp_path / "out", "background-assets")
