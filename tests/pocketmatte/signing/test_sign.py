import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from export.manifest import FILE_NAME as MANIFEST
from export.manifest import Manifest, read_manifest, write_manifest
from pocketmatte.build import locked
from pocketmatte.signing.bom import FILE_NAME as BOM
from pocketmatte.signing.check import stale
from pocketmatte.signing.keys import key_id, read_public
from pocketmatte.signing.signature import FILE_NAME as SIGNATURE
from tests.pocketmatte.signing.vouched import FILE, FOLDER, PACKAGE, RECORD, TIER, TRACE, Keys, flip
from tiers.checkpoint import write_safetensors

Refusal = Callable[[], list[str]]

WRITTEN = (SIGNATURE, BOM)


@pytest.fixture
def refusal(cli: Callable[..., Any], small: Path, keys: Keys) -> Refusal:
    """Return the lines that ``sign`` refuses the bundle with; nothing may be written then."""

    def call() -> list[str]:
        said = cli("sign", small, "--key", keys.private)
        assert said.code == 1, said.err
        assert not [name for name in WRITTEN if (small / name).is_file()]
        return [line.removeprefix("not signed: ") for line in said.err.splitlines()]

    return call


def edit(root: Path, change: Callable[[Manifest], dict[str, object]]) -> None:
    manifest = read_manifest(root)
    write_manifest(root, manifest.model_copy(update=change(manifest)))


def test_the_same_bundle_and_key_give_the_same_bytes(
    cli: Callable[..., Any], small: Path, keys: Keys, tmp_path: Path
) -> None:
    copy = shutil.copytree(small, tmp_path / "copy")
    said = [cli("sign", root, "--key", keys.private, "--json") for root in (small, copy, small)]
    assert [each.code for each in said] == [0, 0, 0]
    assert said[0].json() == said[2].json()
    assert said[0].json()["key_id"] == key_id(read_public(keys.public))
    for name in WRITTEN:
        assert (small / name).read_bytes() == (copy / name).read_bytes()


def test_signing_changes_no_other_file(cli: Callable[..., Any], small: Path, keys: Keys) -> None:
    before = {path: path.read_bytes() for path in small.rglob("*") if path.is_file()}
    assert cli("sign", small, "--key", keys.private).code == 0
    after = {path: path.read_bytes() for path in small.rglob("*") if path.is_file()}
    assert after.keys() - before.keys() == {small / name for name in WRITTEN}
    assert {path: after[path] for path in before} == before


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (FILE, FILE),
        (f"{FOLDER}/Data/weight.bin", FOLDER),
        (f"{PACKAGE}/Manifest.json", PACKAGE),
        (f"{TRACE}/tensors.bin", TRACE),
    ],
)
def test_what_is_not_of_its_manifest_is_not_signed(
    refusal: Refusal, small: Path, path: str, named: str
) -> None:
    flip(small / path)
    (line,) = refusal()
    assert line.startswith(f"{named}: its sha256 is ")
    assert line.endswith("; build it again")


@pytest.mark.parametrize("path", [FILE, FOLDER, RECORD, TRACE, "weights"])
def test_what_is_missing_is_not_signed(refusal: Refusal, small: Path, path: str) -> None:
    (small / path).rename(small.parent / "moved")
    (line,) = refusal()
    assert line.startswith(path)
    assert line.endswith(": missing; build it again")


def test_a_false_size_is_not_signed(refusal: Refusal, small: Path) -> None:
    def change(manifest: Manifest) -> dict[str, object]:
        first, *rest = manifest.artifacts
        return {"artifacts": [first.model_copy(update={"size_bytes": 7}), *rest]}

    edit(small, change)
    (line,) = refusal()
    assert "bytes, the manifest says 7; build it again" in line


@pytest.mark.parametrize("name", ["release.pem", "report.svg", f"{TIER}/.matte.partial", "x/y.bin"])
def test_what_the_manifest_does_not_name_is_not_signed(
    refusal: Refusal, small: Path, name: str
) -> None:
    (small / name).parent.mkdir(exist_ok=True)
    (small / name).write_text("not ours")
    assert refusal() == [f"{name}: not of the manifest; move it elsewhere"]


def test_weights_with_other_numbers_or_another_origin_are_not_signed(
    refusal: Refusal, small: Path
) -> None:
    (path,) = (small / "weights").iterdir()
    told = {"format": "x", "licence": "Apache-2.0"}
    write_safetensors(path, {"weight": torch.ones(6)}, told | {"origin": "seeded for a test"})
    (line,) = refusal()
    assert "its digest, path is not that of the manifest" in line
    write_safetensors(path, {"weight": torch.arange(6.0)}, told | {"origin": "elsewhere"})
    (line,) = refusal()
    assert "its origin is not that of the manifest" in line
    path.write_bytes(path.read_bytes()[:-1])
    (line,) = refusal()
    assert "is no whole safetensors file" in line


def test_weights_that_the_manifest_does_not_list_are_not_signed(
    refusal: Refusal, small: Path
) -> None:
    shutil.rmtree(small / "weights")
    edit(small, lambda _: {"weights": []})
    lines = refusal()
    assert len(lines) == 5  # three files, a package, a trace
    assert all(
        line.endswith("the manifest does not list its weights; build it again") for line in lines
    )


def test_names_that_differ_in_case_only_are_not_signed(refusal: Refusal, small: Path) -> None:
    twin = f"{FOLDER}/manifest.json"
    (small / twin).write_text("{}")
    if len(list((small / FOLDER).glob("*.json"))) < 2:
        pytest.skip("needs a file system that tells case apart")
    assert f"{twin}: differs from {FOLDER}/Manifest.json in case only; rename one" in refusal()


def test_a_lock_that_is_a_link_is_not_written_through(
    refusal: Refusal, small: Path, tmp_path: Path
) -> None:
    (tmp_path / "precious").write_text("kept")
    (small / ".lock").unlink()
    (small / ".lock").symlink_to(tmp_path / "precious")
    assert refusal() == [".lock: a symbolic link; a bundle holds files only"]
    assert (tmp_path / "precious").read_text() == "kept"


def test_a_link_is_not_signed_even_to_the_same_bytes_inside(refusal: Refusal, small: Path) -> None:
    copy = shutil.copy(small / FILE, small / "copy")
    (small / FILE).unlink()
    (small / FILE).symlink_to(copy)
    assert refusal() == [f"{FILE}: a symbolic link; a bundle holds files only"]


def test_what_is_no_bundle_is_not_signed_and_left_as_it_was(
    cli: Callable[..., Any], keys: Keys, tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    line = cli("sign", folder, "--key", keys.private).refusal(2)
    assert f"holds no {MANIFEST}" in line
    assert list(folder.iterdir()) == []


def test_a_bundle_that_is_being_built_is_not_signed(
    cli: Callable[..., Any], small: Path, keys: Keys
) -> None:
    with locked(small):
        assert "another build is at work" in cli("sign", small, "--key", keys.private).refusal(2)


def test_where_the_bill_cannot_be_written_the_old_signature_stays(
    cli: Callable[..., Any], signed: Path, keys: Keys
) -> None:
    before = (signed / SIGNATURE).read_bytes()
    (signed / BOM).unlink()
    (signed / BOM).mkdir()
    line = cli("sign", signed, "--key", keys.private).refusal(1)
    assert line.startswith(f"could not write {signed / BOM}")
    assert (signed / SIGNATURE).read_bytes() == before


def test_faults_are_json_too(cli: Callable[..., Any], small: Path, keys: Keys) -> None:
    (small / "more").touch()
    said = cli("sign", small, "--key", keys.private, "--json")
    assert said.code == 1
    assert said.json()["faults"] == ["more: not of the manifest; move it elsewhere"]
    assert said.json()["manifest_sha256"] is None


def test_a_signature_is_stale_once_the_manifest_is_another(small: Path, signed: Path) -> None:
    assert stale(small) is None
    assert stale(signed) is None
    edit(signed, lambda manifest: {"traces": manifest.traces[:0]})
    line = stale(signed)
    assert line == f"{SIGNATURE} is of another state of the bundle; run pocketmatte sign again"
    (signed / MANIFEST).unlink()
    assert stale(signed) == line
