"""A real bundle: signed, proven with its key, built further."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.signing.check import stale
from tests.pocketmatte.signing.vouched import Keys, flip

FP32 = "rvm/t01/matte-fp32.onnx"
PART = ("--network", "rvm", "--tier", "t01", "--format", "onnx")


@pytest.fixture
def vouched(cli: Callable[..., Any], bundle: Path, keys: Keys) -> Path:
    """Return a built bundle, signed."""
    assert cli("sign", bundle, "--key", keys.private).code == 0
    return bundle


def test_a_signed_bundle_is_proven_and_passes_again_with_its_figures(
    cli: Callable[..., Any], vouched: Path, keys: Keys
) -> None:
    for _ in range(2):  # the second time beside results/parity.json
        said = cli("verify", vouched, "--key", keys.public, "--frames", 2, "--json")
        assert said.code == 0, said.err
        assert said.json()["signature"]["faults"] == []
        assert {each["status"] for each in said.json()["artifacts"]} == {"proven"}
    assert (vouched / "results" / "parity.json").is_file()


def test_a_refused_bundle_is_not_opened_and_nothing_is_written_to_it(
    cli: Callable[..., Any], vouched: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: object, **__: object) -> None:
        pytest.fail("a refused bundle was proven")

    monkeypatch.setattr("pocketmatte.verify.verify", opened)
    flip(vouched / FP32, 100)
    said = cli("verify", vouched, "--key", keys.public, "--json")
    assert said.code == 1
    (line,) = said.json()["signature"]["faults"]
    assert said.json()["passed"] is False
    assert f"refused: {line}" in said.err.splitlines()
    assert not (vouched / "results" / "parity.json").exists()


def test_the_signature_alone_proves_nothing_and_says_no_more(
    cli: Callable[..., Any], vouched: Path, keys: Keys
) -> None:
    said = cli("verify", vouched, "--key", keys.public, "--signature-only", "--json")
    assert set(said.json()) == {"passed", "signature"}
    assert said.json()["signature"]["files"] == len(list(vouched.rglob("*.onnx"))) + 3
    assert not (vouched / "results" / "parity.json").exists()


@pytest.mark.parametrize(
    "words", [(), ("--key", "x.pem", "--explain"), ("--key", "x.pem", "--runtime", "native")]
)
def test_the_signature_alone_needs_a_key_and_goes_with_no_proof(
    cli: Callable[..., Any], vouched: Path, words: tuple[str, ...]
) -> None:
    line = cli("verify", vouched, "--signature-only", *words).refusal(2)
    assert (
        line
        == "--signature-only takes --key and goes with neither --explain, --resume nor --runtime"
    )


def test_a_build_that_changes_nothing_leaves_a_bundle_signed(
    cli: Callable[..., Any], vouched: Path, keys: Keys, t01_weights: Path
) -> None:
    words = (*PART, "--recipe", "fp32,fp16", "--weights", t01_weights)
    assert cli("build", *words, "--out", vouched, "--json").json()["built"] == 0
    assert stale(vouched) is None
    assert cli("verify", vouched, "--key", keys.public, "--signature-only").code == 0


def test_a_bundle_that_was_built_further_is_refused_until_it_is_signed_again(
    cli: Callable[..., Any], vouched: Path, keys: Keys, t01_weights: Path
) -> None:
    words = (*PART, "--recipe", "fp32", "--orientation", "portrait", "--weights", t01_weights)
    assert cli("build", *words, "--out", vouched, "--json").json()["built"] == 1
    assert stale(vouched) is not None
    said = cli("verify", vouched, "--key", keys.public, "--signature-only", "--json")
    faults = said.json()["signature"]["faults"]
    assert [line.split(":")[0] for line in faults] == [
        "manifest.json",
        "rvm/t01/matte-fp32-portrait.onnx",
    ]
    assert cli("sign", vouched, "--key", keys.private).code == 0
    assert cli("verify", vouched, "--key", keys.public, "--signature-only").code == 0
    assert len(json.loads((vouched / "bom.cdx.json").read_text())["components"]) == 4


def test_a_build_that_changes_a_signed_bundle_says_to_sign_it_again(
    cli: Callable[..., Any], vouched: Path, t01_weights: Path
) -> None:
    part = ("--network", "rvm", "--tier", "t01", "--format", "onnx", "--weights", t01_weights)
    line = "manifest.sig is of another state of the bundle; run pocketmatte sign again"
    assert line not in cli("build", *part, "--recipe", "fp32", "--out", vouched).err
    (vouched / FP32).unlink()
    assert line not in cli("build", *part, "--recipe", "fp32", "--out", vouched).err  # the same
    assert line in cli("build", *part, "--recipe", "w8", "--out", vouched).err
