"""A bundle holds what its manifest lists, whatever was built into it before."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from export.manifest import read_manifest
from pocketmatte.quantisation.record import record_path
from tests.pocketmatte.test_build import FP16, FP32, break_onnx, outcomes, words
from tiers.errors import BundleError
from tiers.ladder import tier


@pytest.fixture
def other_weights(t01_weights: Path, tmp_path: Path) -> Path:
    tensors = load_file(t01_weights)
    tensors["project_mat.conv.bias"] += 0.01
    save_file(tensors, tmp_path / "other.safetensors", {"network": "rvm", "origin": "another"})
    return tmp_path / "other.safetensors"


def test_what_a_build_wrote_is_not_read_by_the_next_one(
    cli: Callable[..., Any], bundle: Path, t01_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bundle / FP16).unlink()
    assert outcomes(cli(*words(bundle, t01_weights), "--json")) == {FP32: "kept", FP16: "built"}
    monkeypatch.setattr("pocketmatte.farm.hashes.sha256_of", lambda path: pytest.fail(str(path)))
    assert outcomes(cli(*words(bundle, t01_weights), "--json")) == {FP32: "kept", FP16: "kept"}


def test_weights_go_when_nothing_is_made_of_them(
    cli: Callable[..., Any], bundle: Path, other_weights: Path
) -> None:
    (old,) = (bundle / "weights").iterdir()
    assert cli(*words(bundle, other_weights, "fp32")).code == 0
    assert old.exists()  # fp16 is made of them
    assert cli(*words(bundle, other_weights)).code == 0
    listed = [entry.path for entry in read_manifest(bundle).weights]
    assert listed == [f"weights/{path.name}" for path in (bundle / "weights").iterdir()]
    assert not old.exists()


def test_a_file_that_cannot_be_built_again_goes(
    cli: Callable[..., Any],
    bundle: Path,
    other_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    break_onnx(monkeypatch, BundleError("it does not go"))
    assert cli(*words(bundle, other_weights, "fp32")).code == 1
    assert [entry.path for entry in read_manifest(bundle).artifacts] == [FP16]
    assert not (bundle / FP32).exists()
    assert (bundle / FP16).exists()


def test_what_a_tier_was_quantised_with_goes_with_its_files(
    cli: Callable[..., Any], bundle: Path, t01_weights: Path
) -> None:
    record = bundle / record_path(tier("rvm", "t01"), "w8a8")
    record.write_text("of files that are no longer there")
    assert cli(*words(bundle, t01_weights)).code == 0
    assert not record.exists()


def test_a_build_that_stopped_early_leaves_what_the_next_one_needs(
    cli: Callable[..., Any],
    bundle: Path,
    other_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = bundle / record_path(tier("rvm", "t01"), "w8a8")
    record.write_text("found, and its files not yet built")
    break_onnx(monkeypatch, BundleError("it does not go"))
    assert cli(*words(bundle, other_weights), "--fail-fast").code == 1
    assert record.exists()


def test_a_tier_that_lies_elsewhere_is_refused_and_nothing_is_written_there(
    cli: Callable[..., Any], t01_weights: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "bundle" / "rvm").mkdir(parents=True)
    (tmp_path / "bundle" / "rvm" / "t01").symlink_to(elsewhere)
    said = cli(*words(tmp_path / "bundle", t01_weights, "fp32"))
    assert said.code == 1
    assert "leads outside the bundle" in said.err
    assert not list(elsewhere.iterdir())


def test_what_is_known_to_fail_is_not_tried_again_and_its_old_file_goes(
    cli: Callable[..., Any], bundle: Path, t01_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = bundle / "rvm" / "t01" / "matte-w8a8.onnx"
    old.write_text("of other weights, which eight bits did hold")
    tried: list[object] = []
    monkeypatch.setattr("pocketmatte.farm.plan._refusal", refused_in_w8a8)
    monkeypatch.setattr("pocketmatte.farm.here.run", lambda _, job: tried.append(job))
    said = cli(*words(bundle, t01_weights, "fp32,w8a8"), "--json")
    assert (said.code, tried) == (1, [])
    found = {each["path"]: each["outcome"] for each in said.json()["artifacts"]}
    assert found == {FP32: "kept", "rvm/t01/matte-w8a8.onnx": "failed"}
    assert "failed: rvm/t01/matte-w8a8.onnx: it cannot be held in w8a8" in said.err
    assert not old.exists()


def refused_in_w8a8(_: Path, __: object, recipe: str, ___: object) -> str | None:
    return "it cannot be held in w8a8" if recipe == "w8a8" else None
