"""Every way in which a delivery fails: the reason is said, and nothing is written."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from export.artifact import sha256_of
from pocketmatte.selection.delivery.planning import Sources, check_paths, made
from pocketmatte.selection.delivery.writing import RECORD, record_of, write
from pocketmatte.selection.lock import LockedFile
from tests.pocketmatte.delivery.delivered import (
    LAYOUTS,
    below,
    changed_policy,
    delivery,
    edit,
    reasons,
    refused,
    write_lock,
)
from tiers.errors import BundleError, UsageError

PROGRAM = "rvm/t06/matte-fp16"
LOCKED = {"assets": ".pte", "ai-packs": ".pte", "background-assets": ".mlpackage/Manifest.json"}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_missing_file_of_the_bundle_is_named(
    root: Path, lock: Path, tmp_path: Path, layout: str
) -> None:
    delivery(root, lock, tmp_path / "out", layout)
    path = root / (PROGRAM + LOCKED[layout])
    path.unlink()
    (root / f"{PROGRAM}.pte").unlink(missing_ok=True)
    said = refused(root, lock, tmp_path / "out", layout)
    assert f"{PROGRAM}.pte is missing from" in said or "its sha256 is" in said


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_changed_file_of_the_bundle_is_named(
    root: Path, lock: Path, tmp_path: Path, layout: str
) -> None:
    path = root / (PROGRAM + LOCKED[layout])
    path.write_bytes(path.read_bytes() + b"\0")
    assert f"{PROGRAM}" in (said := refused(root, lock, tmp_path / "out", layout))
    assert "its sha256 is" in said
    assert "it changed since it was built" in said


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_check_names_what_is_missing_changed_and_no_longer_needed(
    root: Path, lock: Path, tmp_path: Path, layout: str
) -> None:
    out = tmp_path / "out"
    assert "is no folder; deliver again" in reasons(root, lock, out, layout)
    delivery(root, lock, out, layout)
    assert reasons(root, lock, out, layout) == ""
    first, second = sorted(name for name in below(out) if "weight.bin" in name or ".pte" in name)[
        :2
    ]
    (out / first).unlink()
    (out / second).write_bytes(b"other")
    (out / "old.pte").write_bytes(b"old")
    (out / RECORD).write_text("{}")
    said = reasons(root, lock, out, layout)
    assert f"{first} is missing from" in said
    assert f"{second} of {out} is not what the lock takes" in said
    assert f"old.pte of {out} is no longer needed" in said
    assert f"{RECORD} of {out} is not what the lock takes" in said


@pytest.mark.parametrize(
    ("layout", "more", "said"),
    [
        ("zip", {}, "no layout 'zip'; there are assets, ai-packs, background-assets"),
        ("assets", {"delivery": "on-demand"}, "--delivery is 'on-demand' with --layout assets"),
        ("ai-packs", {"delivery": "essential"}, "there are install-time, fast-follow, on-demand"),
        ("background-assets", {"delivery": "install-time"}, "there are essential, prefetch"),
        ("ai-packs", {"platform": "android"}, "--platform is given with --layout ai-packs"),
        ("ai-packs", {"pack_prefix": "x"}, "--pack-prefix is given with --layout ai-packs"),
        ("ai-packs", {"neighbours": 1}, "--neighbours is 1 with --layout ai-packs"),
        ("assets", {"neighbours": 12}, "--neighbours is 12; it must be from 0 to 11"),
        ("assets", {"frozen": True, "networks": "rvm"}, "--frozen takes the lock as it is"),
        ("background-assets", {"pack_prefix": "../x"}, "--pack-prefix is '../x'"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    root: Path, lock: Path, tmp_path: Path, layout: str, more: dict[str, Any], said: str
) -> None:
    assert said in refused(root, lock, tmp_path / "out", layout, **more)


@pytest.mark.parametrize("name", ["note.txt", "rvm/t05/mine.pte", ".hidden"])
def test_a_folder_that_holds_anything_else_is_left_alone(
    root: Path, lock: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "out"
    delivery(root, lock, out)
    (out / name).write_text("mine")
    assert f"which holds {name}, not of a delivery" in refused(root, lock, out)


@pytest.mark.parametrize("name", [".", "", "..", "x/.."])
def test_a_folder_without_a_name_is_refused(
    root: Path, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "here" / "x").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    assert "which has no name of its own" in refused(root, lock, Path(name))


def test_what_a_killed_run_left_is_cleared_where_nothing_is_to_be_written(
    root: Path, lock: Path, tmp_path: Path
) -> None:
    delivery(root, lock, tmp_path / "out")
    for suffix in ("partial", "replaced"):
        (tmp_path / f".out.{suffix}" / "rvm").mkdir(parents=True)
    done = delivery(root, lock, tmp_path / "out").done
    assert done is not None
    assert done.written == ()
    assert not list(tmp_path.glob(".out.*"))


def test_what_finder_leaves_behind_is_in_nobodys_way(
    root: Path, lock: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    delivery(root, lock, out)
    (out / ".DS_Store").write_bytes(b"Finder")
    assert reasons(root, lock, out) == ""
    (out / RECORD).unlink()
    assert "move it away, or choose an empty folder" in refused(root, lock, out)
    (out / "new").mkdir()
    (out / "new/.DS_Store").write_bytes(b"Finder")
    assert delivery(root, lock, out / "new").done is not None


def test_a_folder_with_a_damaged_record_is_left_alone(
    root: Path, lock: Path, tmp_path: Path
) -> None:
    delivery(root, lock, tmp_path / "out")
    (tmp_path / "out" / RECORD).write_text('{"schema_version": 1')
    assert "delivery.json is no record" in refused(root, lock, tmp_path / "out")


def test_files_links_and_the_bundle_itself_are_no_place(
    root: Path, lock: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert "a file or a link" in refused(root, lock, tmp_path / "file")
    assert "a file or a link" in refused(root, lock, tmp_path / "link")
    with pytest.raises(UsageError, match="overlaps with the bundle"):
        delivery(root, lock, root / "out")
    with pytest.raises(UsageError, match="overlaps with the bundle"):
        delivery(root, lock, tmp_path)


def test_a_link_in_the_folder_is_neither_followed_nor_ours(
    root: Path, lock: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    delivery(root, lock, out)
    path = out / "rvm/t05/matte-fp16.pte"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert f"{path.relative_to(out)} of {out} is not what" in reasons(root, lock, out)
    assert "which holds rvm/t05/matte-fp16.pte" in refused(root, lock, out)
    path.unlink()
    (out / "away").symlink_to(tmp_path)
    assert "away of" in reasons(root, lock, out)
    assert "which holds away" in refused(root, lock, out)


def test_a_link_in_the_bundle_is_not_followed(root: Path, lock: Path, tmp_path: Path) -> None:
    path = root / f"{PROGRAM}.pte"
    path.rename(path.with_name("kept"))
    path.symlink_to(path.with_name("kept"))  # it stays inside, and is refused all the same
    assert f"{PROGRAM}.pte of {root} is a link" in refused(root, lock, tmp_path / "out")
    (root / "rvm").rename(tmp_path / "rvm")
    (root / "rvm").symlink_to(tmp_path / "rvm")
    assert "leads outside the bundle" in refused(root, lock, tmp_path / "out")


@pytest.mark.parametrize("path", ["../../secret", "/etc/passwd", "rvm/../../x", "rvm\\..\\x"])
def test_a_lock_whose_paths_escape_is_refused(
    root: Path, lock: Path, tmp_path: Path, path: str
) -> None:
    def escape(held: dict[str, Any]) -> None:
        held["groups"][0]["choices"][0]["taken"]["files"][0]["path"] = path

    edit(lock, escape)
    for layout in LAYOUTS:
        assert "leads outside the bundle" in refused(root, lock, tmp_path / "out", layout)


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (["../x"], "leads outside the delivery"),
        (["a/b", "A/B"], "would be there twice"),
        (["a", "a/b"], "would be a file and a folder"),
        ([RECORD], "delivery.json would be there twice"),
    ],
)
def test_a_plan_that_no_disk_could_hold_is_refused(
    tmp_path: Path, paths: list[str], said: str
) -> None:
    plan = [made(path, "x") for path in paths]
    with pytest.raises(BundleError, match=said):
        write(plan, record_of(plan, "assets", "0" * 64), tmp_path / "out", tmp_path / "bundle")
    assert not (tmp_path / "out").exists()


def test_a_plan_that_a_disk_can_hold_is_not_refused() -> None:
    check_paths([made("a/b", "x"), made("a/c", "x"), made("ab", "x")])


def test_an_empty_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mlpackage").mkdir()
    digest = sha256_of(tmp_path / "a.mlpackage")
    file = LockedFile(path="a.mlpackage", program="p", sha256=digest, size_bytes=0)
    with pytest.raises(BundleError, match="is an empty folder"):
        Sources(tmp_path).planned(file)


def test_a_file_that_changes_while_it_is_copied_leaves_nothing(
    root: Path, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pocketmatte.selection.delivery.writing.shutil.copyfile",
        lambda source, to: to.write_bytes(source.read_bytes()[:-1]),
    )
    assert "changed while it was copied" in refused(root, lock, tmp_path / "out")


def test_a_full_disk_leaves_what_was_there(
    root: Path, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_source: Path, to: Path) -> None:
        to.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    out = tmp_path / "out"
    fewer = write_lock(root, tmp_path / "fewer.json", class_name="t05", platform="android")
    delivery(root, fewer, out)
    monkeypatch.setattr("pocketmatte.selection.delivery.writing.shutil.copyfile", full)
    assert "No space left on device" in refused(root, lock, out)


def test_a_bare_python_delivers_and_says_why_not(
    root: Path, lock: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    top = request.config.rootpath

    def bare(*words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-S", "-B", "-m", "pocketmatte.selection", "deliver"]
        given = [*map(str, words), "--bundle", str(root), "--out", str(tmp_path / "out")]
        return subprocess.run(
            [*command, *given], env={"PYTHONPATH": str(top), "PATH": os.environ["PATH"]},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    done = bare(lock, "--platform", "android", "--json")
    assert (done.returncode, "39 written" in done.stderr) == (0, True)
    assert len(json.loads(done.stdout)["done"]["written"]) == 39
    assert bare(lock, "--platform", "android", "--check").returncode == 0
    changed_policy(root, lock)
    done = bare(lock, "--platform", "android")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"pocketmatte: {lock} is stale: policy: minimum_tier")
    assert bare(lock, "--platform", "android", "--check").returncode == 1
    assert bare(lock, "--platform", "wear", "--frozen").returncode == 2
