"""All files in the app: exactly those of its platforms, untouched where nothing changed."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.selection.delivery.delivering import Request, deliver
from pocketmatte.selection.delivery.writing import RECORD
from pocketmatte.selection.lock import read_lock
from tests.pocketmatte.delivery.delivered import below, delivery, write_lock
from tests.pocketmatte.selection.shipped import manifest_of, write_json
from tiers.errors import BundleError, UsageError

BESIDE = {"manifest.json", "tiers.lock.json", RECORD}


def files_for(lock: Path, *platforms: str) -> set[str]:
    """Return the paths that a lock takes for platforms."""
    return {
        file.path
        for group in read_lock(lock).groups
        for choice in group.choices
        if group.platform in platforms and choice.taken
        for file in choice.taken.files
    }


def test_an_android_app_gets_the_files_of_android_and_the_lock(
    root: Path, lock: Path, tmp_path: Path
) -> None:
    out = tmp_path / "assets"
    done = delivery(root, lock, out).done
    assert done is not None
    wanted = files_for(lock, "android")
    assert len(wanted) == 36
    assert set(below(out)) == wanted | BESIDE
    assert (out / "tiers.lock.json").read_bytes() == lock.read_bytes()
    for name in wanted:
        assert (out / name).read_bytes() == (root / name).read_bytes()


def test_an_apple_app_gets_packages_with_all_that_is_in_them(
    root: Path, lock: Path, tmp_path: Path
) -> None:
    delivery(root, lock, tmp_path / "out", platform="apple")
    found = set(below(tmp_path / "out")) - BESIDE
    wanted = files_for(lock, "ios", "ipados")
    assert all(name.endswith(".mlpackage") for name in wanted)
    assert found == {
        f"{name}/{part}" for name in wanted for part in ("Manifest.json", "Data/weight.bin")
    }


def test_a_lock_of_both_families_wants_a_platform(root: Path, lock: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the lock is of android, ios, ipados; give --platform"):
        delivery(root, lock, tmp_path / "out", platform=None)
    with pytest.raises(UsageError, match="no platform 'wear'; there are android"):
        delivery(root, lock, tmp_path / "out", platform="wear")
    one = write_lock(root, tmp_path / "one.json", class_name="t05", platform="android")
    assert delivery(root, one, tmp_path / "out", platform=None).done is not None
    with pytest.raises(BundleError, match="takes no file for ios or ipados"):
        delivery(root, one, tmp_path / "other", platform="apple")


def test_the_same_inputs_give_the_same_bytes(root: Path, lock: Path, tmp_path: Path) -> None:
    for layout in ("assets", "ai-packs", "background-assets"):
        delivery(root, lock, tmp_path / f"{layout}-1", layout)
        delivery(root, lock, tmp_path / f"{layout}-2", layout)
        assert below(tmp_path / f"{layout}-1") == below(tmp_path / f"{layout}-2")


def test_a_second_delivery_touches_nothing(root: Path, lock: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    delivery(root, lock, out)
    before = {path: path.stat().st_mtime_ns for path in (out, *out.rglob("*"))}
    done = delivery(root, lock, out).done
    assert done is not None
    assert (done.written, done.removed) == ((), ())
    assert {path: path.stat().st_mtime_ns for path in (out, *out.rglob("*"))} == before


def test_files_that_stay_keep_their_time_and_others_go(
    root: Path, lock: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    delivery(root, lock, out)
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("rvm/t05/*")}
    fewer = write_lock(root, tmp_path / "fewer.json", class_name="t05", platform="android")
    done = delivery(root, fewer, out).done
    assert done is not None
    assert set(below(out)) == files_for(fewer, "android") | BESIDE
    assert set(done.written) == BESIDE
    assert len(done.removed) == 33
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("rvm/t05/*")} == before


def test_a_file_that_was_changed_in_the_app_is_put_right(
    root: Path, lock: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    delivery(root, lock, out)
    path = out / "rvm/t05/matte-fp16.pte"
    path.write_bytes(b"x" * path.stat().st_size)
    done = delivery(root, lock, out).done
    assert done is not None
    assert done.written == ("rvm/t05/matte-fp16.pte",)
    assert path.read_bytes() == (root / "rvm/t05/matte-fp16.pte").read_bytes()


def test_a_disk_without_hard_links_keeps_the_times_too(
    root: Path, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    out = tmp_path / "out"
    delivery(root, lock, out)
    before = (out / "rvm/t05/matte-fp16.pte").stat().st_mtime_ns
    fewer = write_lock(root, tmp_path / "fewer.json", class_name="t05", platform="android")
    monkeypatch.setattr("pocketmatte.selection.delivery.writing.os.link", refuse)
    delivery(root, fewer, out)
    assert (out / "rvm/t05/matte-fp16.pte").stat().st_mtime_ns == before


def test_a_bundle_file_and_its_copy_are_two_files(root: Path, lock: Path, tmp_path: Path) -> None:
    delivery(root, lock, tmp_path / "out")
    (tmp_path / "out/rvm/t05/matte-fp16.pte").write_bytes(b"mine")
    assert (root / "rvm/t05/matte-fp16.pte").read_bytes() != b"mine"


def test_the_command_says_what_it_did(
    root: Path, lock: Path, tmp_path: Path, cli: Callable[..., Any]
) -> None:
    given = (lock, "--bundle", root, "--platform", "android", "--out", tmp_path / "out")
    said = cli("deliver", *given, "--json")
    assert said.code == 0
    assert len(said.json()["done"]["written"]) == 39
    assert "up to date: 39 files" in cli("deliver", *given).err
    assert "is what the lock takes" in cli("deliver", *given, "--check").err
    (tmp_path / "out/rvm/t05/matte-fp16.pte").unlink()
    said = cli("deliver", *given, "--check", "--json")
    assert said.code == 1
    assert said.json()["reasons"] == [
        f"rvm/t05/matte-fp16.pte is missing from {tmp_path / 'out'}; deliver again"
    ]


def test_the_record_says_what_is_there(root: Path, lock: Path, tmp_path: Path) -> None:
    delivery(root, lock, tmp_path / "out")
    record = json.loads((tmp_path / "out" / RECORD).read_text())
    listed = {each["path"] for each in record["files"]}
    assert listed == files_for(lock, "android") | BESIDE - {RECORD}


def test_a_lock_in_its_bundle_needs_no_other_word(root: Path, lock: Path, tmp_path: Path) -> None:
    inside = Path(shutil.copy(lock, root / "tiers.lock.json"))
    request = Request(lock=inside, out=tmp_path / "out", layout="assets", platform="android")
    assert deliver(request).done is not None
    with pytest.raises(UsageError, match="lies in no bundle; give it with --bundle"):
        deliver(dataclasses.replace(request, lock=lock))


def test_a_bundle_that_only_names_one_file_twice_by_case_is_refused(
    root: Path, tmp_path: Path
) -> None:
    manifest = manifest_of(root)
    first = next(
        each for each in manifest["artifacts"] if each["path"].endswith("t05/matte-fp16.pte")
    )
    for other in manifest["artifacts"]:
        if other["path"].endswith("rvm/t06/matte-fp16.pte"):
            other["path"] = first["path"].replace("matte", "Matte")
            (root / other["path"]).write_bytes((root / "rvm/t06/matte-fp16.pte").read_bytes())
    write_json(root / "manifest.json", manifest)
    verdicts = {"artifacts": [
        {"path": each["path"], "sha256": each["sha256"], "status": "proven"}
        for each in manifest["artifacts"]
    ]}  # fmt: skip
    write_json(root / "results/parity.json", verdicts)
    lock = write_lock(root, tmp_path / "case.json")
    with pytest.raises(BundleError, match="would be there twice"):
        delivery(root, lock, tmp_path / "out")
