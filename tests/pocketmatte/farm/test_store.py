"""What a build made before is copied, and never what is not what it was."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export.atomic import PARTIAL
from export.manifest import read_manifest
from pocketmatte.farm import store as store_module
from pocketmatte.farm.store import Store

FP32, FP16 = "rvm/t01/matte-fp32.onnx", "rvm/t01/matte-fp16.onnx"


@pytest.fixture
def words(t01_weights: Path) -> list[object]:
    part = ("--tier", "t01", "--format", "onnx", "--recipe", "fp32,fp16", "--json")
    return ["build", "--network", "rvm", *part, "--weights", t01_weights]


@pytest.fixture
def store(tmp_path: Path, bundle: Path) -> Path:
    """Return a store that holds what the bundle does."""
    folder = tmp_path / "store"
    for entry in read_manifest(bundle).artifacts:
        Store(folder).keep(entry, bundle)
    return folder


def outcomes(said: Any) -> dict[str, str]:
    return {event["path"]: event["outcome"] for event in said.json()["artifacts"]}


def manifest_text(bundle: Path) -> str:
    return (bundle / "manifest.json").read_text()


def test_another_bundle_of_the_same_is_copied(
    cli: Callable[..., Any], words: list[object], bundle: Path, store: Path, tmp_path: Path
) -> None:
    said = cli(*words, "--cache", store, "--out", tmp_path / "other")
    assert outcomes(said) == {FP32: "cached", FP16: "cached"}
    assert manifest_text(tmp_path / "other") == manifest_text(bundle)
    assert (tmp_path / "other" / FP32).read_bytes() == (bundle / FP32).read_bytes()


def test_a_build_keeps_what_it_made_for_the_next(
    cli: Callable[..., Any], words: list[object], tmp_path: Path
) -> None:
    cache = tmp_path / "made" / "store"
    words[words.index("fp32,fp16")] = "fp32"
    assert outcomes(cli(*words, "--cache", cache, "--out", tmp_path / "one")) == {FP32: "built"}
    assert outcomes(cli(*words, "--cache", cache, "--out", tmp_path / "two")) == {FP32: "cached"}


def damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2])


def swapped(path: Path) -> None:
    other = next(each for each in path.parent.iterdir() if each != path)
    shutil.copy(other, path)


@pytest.mark.parametrize("folder", ["objects", "files"])
@pytest.mark.parametrize("change", [damaged, swapped, Path.unlink])
def test_what_is_not_what_it_was_is_no_find_and_leaves_nothing(
    bundle: Path, store: Path, tmp_path: Path, folder: str, change: Callable[[Path], object]
) -> None:
    entries = {entry.path: entry for entry in read_manifest(bundle).artifacts}
    key = entries[FP32].build_key
    name = entries[FP32].sha256 if folder == "objects" else f"{key}.json"
    out = tmp_path / "out"
    out.mkdir()
    assert Store(store).fetch(key, FP32, out) is not None
    change(store / folder / name)
    (out / FP32).unlink()
    assert Store(store).fetch(key, FP32, out) is None
    assert not (out / FP32).exists()
    Store(store).keep(entries[FP32], bundle)  # as a build does afterwards
    assert Store(store).fetch(key, FP32, out) is not None


def test_a_key_gives_nothing_for_another_place(bundle: Path, store: Path, tmp_path: Path) -> None:
    key = read_manifest(bundle).artifacts[0].build_key
    assert Store(store).fetch(key, "rvm/t02/matte-fp32.onnx", tmp_path) is None


def test_a_folder_that_cannot_be_made_is_refused(
    cli: Callable[..., Any], words: list[object], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    said = cli(*words, "--cache", tmp_path / "file", "--out", tmp_path / "out")
    assert said.refusal(2).startswith(f"--cache is {tmp_path / 'file'}, which cannot be made")


def test_two_builds_that_keep_the_same_at_once_do_not_meet(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = next(each for each in read_manifest(bundle).artifacts if each.path == FP32)
    held = tmp_path / "store" / "objects" / entry.sha256
    copy, meanwhile = store_module._copy, [True]

    def interrupted(source: Path, target: Path) -> None:
        target.write_bytes(b"half")  # and then the other build comes and ends
        if meanwhile:
            meanwhile.clear()
            Store(tmp_path / "store").keep(entry, bundle)
            assert held.read_bytes() == (bundle / FP32).read_bytes()
        copy(source, target)

    monkeypatch.setattr(store_module, "_copy", interrupted)
    Store(tmp_path / "store").keep(entry, bundle)
    assert held.read_bytes() == (bundle / FP32).read_bytes()
    assert [path.name for path in held.parent.iterdir()] == [entry.sha256]


def test_what_is_deleted_while_it_is_read_is_no_find(
    bundle: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = next(each for each in read_manifest(bundle).artifacts if each.path == FP32)
    copy = store_module._copy

    def too_late(source: Path, target: Path) -> None:
        shutil.rmtree(store)
        copy(source, target)

    monkeypatch.setattr(store_module, "_copy", too_late)
    out = tmp_path / "out"
    out.mkdir()
    assert Store(store).fetch(entry.build_key, FP32, out) is None
    assert not list((out / FP32).parent.iterdir())


def test_what_a_killed_build_left_half_written_goes_after_a_day(store: Path) -> None:
    new, old = (store / "objects" / f".{name}{PARTIAL}" for name in ("new", "old"))
    for path in (new, old):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    Store(store)
    assert new.exists()
    assert not old.exists()
