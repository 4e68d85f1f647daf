"""Core AI from the command line: with the optional extra, and without it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from export import targets
from export.manifest import read_manifest
from export.targets import TARGETS
from export.to_coreai import METADATA
from pocketmatte.cli import run
from pocketmatte.runtimes.coreai import CoreAi
from pocketmatte.runtimes.table import runtime

FP32, FP16 = "rvm/t01/matte-fp32.aimodel", "rvm/t01/matte-fp16.aimodel"
HOW = "install with: pip install 'pocketmatte[coreai]'"
NEEDS = f"coreai needs coreai-core and coreai-torch; {HOW}"
NO_RUNTIME = "coreai-core is not installed; install with: pip install 'pocketmatte[coreai]'"
BUILD = ("build", "--network", "rvm", "--tier", "t01")

REASON = TARGETS["coreai"].unavailable() or runtime("coreai").unavailable()
with_extra = pytest.mark.skipif(REASON is not None, reason=str(REASON))


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this machine lack the optional extra, whether it does or not."""
    monkeypatch.setattr(targets, "_installed", lambda _: False)
    monkeypatch.setattr(CoreAi, "unavailable", lambda _: NO_RUNTIME)


@pytest.mark.usefixtures("without_extra")
@pytest.mark.parametrize(
    "words",
    [
        (*BUILD, "--format", "coreai"),
        (*BUILD, "--format", "onnx,coreai", "--json"),
        ("export", "rvm", "--tier", "t01", "--format", "coreai"),
    ],
)
def test_asked_for_without_its_extra_it_is_refused_in_one_line(
    cli: Callable[..., Any], tmp_path: Path, words: tuple[str, ...]
) -> None:
    assert cli(*words, "--out", tmp_path / "out").refusal(1) == NEEDS
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("without_extra")
def test_all_formats_are_those_that_can_be_made_and_what_is_left_out_is_said(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    small = ("fusion", "--tier", "t01", "--program", "attend", "--recipe", "fp32")
    said = cli("export", *small, "--format", "all", "--out", tmp_path, "--json")
    assert said.code == 0
    assert f"coreai is left out: {NEEDS}" in said.err.splitlines()
    built = {Path(each["path"]).suffix for each in said.json()["artifacts"]}
    assert built == {".onnx", ".mlpackage", ".pte"}


@pytest.mark.usefixtures("without_extra")
def test_a_frame_cannot_be_matted_without_the_extra(
    cli: Callable[..., Any], tmp_path: Path, t01_weights: Path
) -> None:
    Image.new("RGB", (64, 48)).save(tmp_path / "frame.png")
    words = ("--tier", "t01", "--runtime", "coreai", "--weights", t01_weights)
    said = cli("matte", tmp_path / "frame.png", *words, "--out", tmp_path / "out")
    assert said.refusal(1) == NEEDS


@pytest.fixture(scope="module")
def _built(tmp_path_factory: pytest.TempPathFactory, t01_weights: Path) -> Path:
    out = tmp_path_factory.mktemp("coreai") / "bundle"
    words = [*BUILD, "--format", "coreai", "--weights", str(t01_weights), "--out", str(out)]
    assert run(words) == 0
    return out


@pytest.fixture
def bundle(_built: Path, tmp_path: Path) -> Path:
    """Return a fresh copy of a bundle: t01 as Core AI, fp32 and fp16."""
    return shutil.copytree(_built, tmp_path / "bundle")


def _found(said: Any) -> dict[str, tuple[str, str]]:
    return {
        each["path"]: (each["status"], " ".join(each["reasons"]))
        for each in said.json()["artifacts"]
    }


@with_extra
def test_a_bundle_is_proven_and_its_manifest_names_the_converter(
    cli: Callable[..., Any], bundle: Path
) -> None:
    said = cli("verify", bundle, "--frames", 1, "--json")
    assert _found(said) == {FP32: ("proven", ""), FP16: ("proven", "")}
    assert said.code == 0
    for entry in read_manifest(bundle).artifacts:
        assert {"coreai-core", "coreai-torch"} < set(entry.tools)


@with_extra
def test_a_bundle_is_kept_when_built_again(
    cli: Callable[..., Any], bundle: Path, t01_weights: Path
) -> None:
    words = ("--format", "coreai", "--weights", t01_weights, "--json")
    assert cli(*BUILD, *words, "--out", bundle).json()["kept"] == 2


@with_extra
def test_a_changed_asset_fails(cli: Callable[..., Any], bundle: Path) -> None:
    for path in (FP32, FP16):
        (bundle / path / METADATA).write_text("{}")
    said = cli("verify", bundle, "--frames", 1, "--json")
    assert said.code == 1
    for status, reason in _found(said).values():
        assert status == "failed"
        assert "it changed since it was built" in reason


@with_extra
@pytest.mark.usefixtures("without_extra")
def test_without_the_extra_a_bundle_is_checked_and_the_reason_given(
    cli: Callable[..., Any], bundle: Path
) -> None:
    said = cli("verify", bundle, "--frames", 1, "--json")
    assert _found(said) == {FP32: ("checked", NO_RUNTIME), FP16: ("checked", NO_RUNTIME)}
