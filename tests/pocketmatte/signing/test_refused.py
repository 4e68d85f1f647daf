import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export.manifest import FILE_NAME as MANIFEST
from export.manifest import read_manifest, write_manifest
from pocketmatte.signing.bom import FILE_NAME as BOM
from pocketmatte.signing.keys import read_private
from pocketmatte.signing.sign import sign
from pocketmatte.signing.signature import FILE_NAME as SIGNATURE
from pocketmatte.signing.signature import read_signature, write_signature
from tests.pocketmatte.signing.vouched import (
    FILE,
    FOLDER,
    RECORD,
    TIER,
    TRACE,
    Keys,
    flip,
    write_small,
)

Refused = Callable[..., list[str]]

UNSIGNED = "not signed; remove it, or find out who put it there"
CHANGED = "it changed since it was signed"
LINK = "a symbolic link; a bundle holds files only"


def listed(root: Path) -> list[str]:
    return list(read_signature(root).files)


def test_a_bundle_as_it_was_signed_passes(refused: Refused, signed: Path) -> None:
    assert refused(signed) == []


def test_everything_but_the_projects_own_files_is_signed(signed: Path) -> None:
    there = {path.relative_to(signed).as_posix() for path in signed.rglob("*") if path.is_file()}
    own = {SIGNATURE, ".lock", f"{TIER}/.quantisation-w8a8.json.lock"}
    assert there - set(listed(signed)) == own
    assert {MANIFEST, BOM, RECORD, f"{FOLDER}/Data/weight.bin"} <= set(listed(signed))
    assert {f"{TRACE}/trace.json", f"{TRACE}/tensors.bin"} <= set(listed(signed))
    assert any(path.startswith("weights/") for path in listed(signed))


def test_a_changed_byte_in_any_file_is_told_by_its_name(refused: Refused, signed: Path) -> None:
    for path in listed(signed):
        middle = (signed / path).stat().st_size // 2
        flip(signed / path, middle)
        (line,) = refused(signed)
        assert line.startswith(f"{path}: its sha256 is ")
        assert line.endswith(CHANGED)
        flip(signed / path, middle)
    assert refused(signed) == []


def test_a_removed_file_is_told_by_its_name(refused: Refused, signed: Path) -> None:
    for path in listed(signed):
        data = (signed / path).read_bytes()
        (signed / path).unlink()
        assert refused(signed) == [f"{path}: signed, but missing"]
        (signed / path).write_bytes(data)


@pytest.mark.parametrize(
    "name",
    [
        f"{TIER}/other.pte",
        f"{FOLDER}/Data/extra.bin",
        f"{TRACE}/more.bin",
        "weights/other.safetensors",
        "conftest.py",
        ".hidden",
        "results/run.sh",
        "Results/parity.json",
        f"{TIER}/MATTE-fp32.pte",
        "manifest.sig.old",
    ],
)
def test_an_added_file_is_refused(refused: Refused, signed: Path, name: str) -> None:
    path = signed / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("added")
    assert refused(signed) == [f"{name}: {UNSIGNED}"]


@pytest.mark.parametrize("name", [".lock", f"{TIER}/.quantisation-w8a8.json.lock"])
def test_a_lock_hides_nothing(refused: Refused, signed: Path, name: str) -> None:
    (signed / name).write_text("content")
    assert refused(signed) == [f"{name}: {UNSIGNED}"]


def test_an_empty_lock_has_no_place_inside_a_package(refused: Refused, signed: Path) -> None:
    (signed / FOLDER / ".quantisation-x.json.lock").touch()
    assert refused(signed) == [f"{FOLDER}/.quantisation-x.json.lock: {UNSIGNED}"]


def test_measurements_may_come_and_go(refused: Refused, signed: Path) -> None:
    (signed / "results" / "android").mkdir(parents=True)
    (signed / "results" / "parity.json").write_text("{}")
    (signed / "results" / "android" / "one.json").write_text("{}")
    assert refused(signed) == []


def test_every_fault_has_its_line(refused: Refused, signed: Path) -> None:
    flip(signed / FILE)
    (signed / RECORD).unlink()
    (signed / "a.txt").touch()
    lines = refused(signed)
    assert [line.split(":")[0] for line in lines] == ["a.txt", FILE, RECORD]


def test_a_name_made_for_the_terminal_is_escaped(refused: Refused, signed: Path) -> None:
    (signed / "evil\x1b[2K\nrefused: nothing").touch()
    os.close(os.open(os.fsencode(signed) + b"/\xff", os.O_CREAT))
    assert refused(signed) == [
        f"'\\udcff': {UNSIGNED}",
        f"'evil\\x1b[2K\\nrefused: nothing': {UNSIGNED}",
    ]


def test_a_link_to_the_same_bytes_is_refused(
    refused: Refused, signed: Path, tmp_path: Path
) -> None:
    (signed / FILE).rename(tmp_path / "moved")
    (signed / FILE).symlink_to(tmp_path / "moved")
    assert refused(signed) == [f"{FILE}: {LINK}", f"{FILE}: signed, but missing"]


@pytest.mark.parametrize("name", [FOLDER, "results", "weights", "added"])
def test_a_folder_that_is_a_link_is_refused(
    refused: Refused, signed: Path, tmp_path: Path, name: str
) -> None:
    outside = tmp_path / "outside"
    if (signed / name).exists():
        (signed / name).rename(outside)
    else:
        outside.mkdir()
    (signed / name).symlink_to(outside)
    assert f"{name}: {LINK}" in refused(signed)


@pytest.mark.parametrize("name", [".lock", SIGNATURE])
def test_the_projects_own_files_are_no_links(
    refused: Refused, signed: Path, tmp_path: Path, name: str
) -> None:
    (signed / name).rename(tmp_path / "moved")
    (signed / name).symlink_to(tmp_path / "moved")
    (line,) = refused(signed)
    assert "link" in line


def test_a_pipe_is_refused_and_not_waited_for(refused: Refused, signed: Path) -> None:
    (signed / FILE).unlink()
    os.mkfifo(signed / FILE)
    assert refused(signed) == [
        f"{FILE}: neither a file nor a folder; remove it",
        f"{FILE}: signed, but missing",
    ]


def test_a_folder_that_does_not_open_is_not_passed_over(
    refused: Refused, signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (signed / "closed").mkdir()
    scan = os.scandir

    def closed(path: Path) -> Any:
        if path == signed / "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr("pocketmatte.signing.listing.os.scandir", closed)
    assert refused(signed) == ["closed: cannot be read (Permission denied)"]


def test_the_manifest_of_another_signed_bundle_is_refused(
    refused: Refused, signed: Path, keys: Keys, tmp_path: Path
) -> None:
    other = write_small(tmp_path / "other", origin="elsewhere")
    assert sign(other, read_private(keys.private)).faults == ()
    shutil.copy(other / MANIFEST, signed)
    (line,) = refused(signed)
    assert line.startswith(f"{MANIFEST}: its sha256 is ")


def test_the_signature_of_another_bundle_of_the_same_key_is_refused(
    refused: Refused, signed: Path, keys: Keys, tmp_path: Path
) -> None:
    other = write_small(tmp_path / "other", origin="elsewhere")
    assert sign(other, read_private(keys.private)).faults == ()
    shutil.copy(other / SIGNATURE, signed)
    assert {line.split(":")[0] for line in refused(signed)} >= {MANIFEST, BOM}
    shutil.copy(other / MANIFEST, signed)
    shutil.copy(other / BOM, signed)
    (line,) = refused(signed)  # the weights say another origin
    assert line.startswith("weights/")


def test_a_whole_other_bundle_of_the_same_key_passes_and_its_manifest_tells_it_apart(
    cli: Callable[..., Any], signed: Path, keys: Keys, tmp_path: Path
) -> None:
    other = write_small(tmp_path / "other", origin="elsewhere")
    assert cli("sign", other, "--key", keys.private).code == 0
    both = [
        cli("verify", root, "--key", keys.public, "--signature-only", "--json").json()
        for root in (signed, other)
    ]
    assert [each["passed"] for each in both] == [True, True]
    assert both[0]["signature"]["manifest_sha256"] != both[1]["signature"]["manifest_sha256"]


def test_another_key_is_refused_by_its_name(
    refused: Refused, signed: Path, other_keys: Keys
) -> None:
    (line,) = refused(signed, other_keys.public)
    assert line.startswith(
        f"{SIGNATURE} is of key {read_signature(signed).key_id[:12]}..., not of "
    )


def test_a_signature_in_the_name_of_another_key_is_refused(
    refused: Refused, signed: Path, keys: Keys, other_keys: Keys
) -> None:
    named = read_signature(signed).key_id
    write_signature(signed, read_private(other_keys.private), read_signature(signed).files)
    text = (signed / SIGNATURE).read_text()
    text = text.replace(read_signature(signed).key_id, named)
    (signed / SIGNATURE).write_text(text)
    (line,) = refused(signed, keys.public)
    assert line.startswith(f"{SIGNATURE} was changed after it was signed, or its key never signed")


def test_an_unsigned_bundle_is_refused(refused: Refused, small: Path) -> None:
    (line,) = refused(small)
    assert line.startswith(f"{small} holds no {SIGNATURE}: it is not signed; ")


def test_a_folder_that_is_not_there_is_refused(refused: Refused, tmp_path: Path) -> None:
    (line,) = refused(tmp_path / "none")
    assert line.startswith(f"{tmp_path / 'none'} holds no {SIGNATURE}")


def test_a_signed_path_that_leads_outside_is_never_opened(
    refused: Refused, signed: Path, keys: Keys, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("secret")
    files = {**read_signature(signed).files, "../secret": "0" * 64, "/dev/null": "0" * 64}
    write_signature(signed, read_private(keys.private), files)
    assert refused(signed) == [
        "../secret: signed, but missing",
        "/dev/null: signed, but missing",
    ]


def test_a_manifest_that_leads_outside_is_not_signed(
    cli: Callable[..., Any], small: Path, keys: Keys
) -> None:
    manifest = read_manifest(small)
    first, *rest = manifest.artifacts
    escaping = first.model_copy(update={"path": "../secret"})
    write_manifest(small, manifest.model_copy(update={"artifacts": [escaping, *rest]}))
    line = cli("sign", small, "--key", keys.private).refusal(1)
    assert line.startswith("path '../secret' leads outside the bundle")
    assert not (small / SIGNATURE).exists()
