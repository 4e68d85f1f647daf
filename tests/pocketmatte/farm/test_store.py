"""What a build made before is copied, and never what is not what it was."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export.manifest import read_manifest
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
