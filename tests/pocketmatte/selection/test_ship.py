"""What a lock takes is copied whole or not at all, and nothing else is touched."""

import errno
import json
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export.artifact import sha256_of, size_bytes_of
from pocketmatte.selection import shipping
from pocketmatte.selection.__main__ import main
from pocketmatte.selection.front import Request, run
from pocketmatte.selection.lock import lock_text
from pocketmatte.selection.shipping import ship
from tests.pocketmatte.selection.shipped import locked, manifest_of, write_bundle, write_json
from tests.pocketmatte.selection.test_select_hostile import corrupted, places, refused_or
from tiers.errors import BundleError, UsageError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a bundle of a network of two programs."""
    return write_bundle(tmp_path / "bundle", networks=("fusion",), tiers=("t01", "t05"))


@pytest.fixture
def lock(root: Path, tmp_path: Path) -> Path:
    """Return a lock of it."""
    path = tmp_path / "tiers.lock.json"
    path.write_text(lock_text(locked(root, "t05")))
    return path


def below(folder: Path) -> list[str]:
    """Return the files below a folder."""
    return sorted(
        each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()
    )


def change(lock: Path, field: str, value: object) -> None:
    """Change a field of the first file that a lock takes."""
    held = json.loads(lock.read_text())
    held["groups"][0]["choices"][0]["taken"]["files"][0][field] = value
    lock.write_text(json.dumps(held))


def refused(lock: Path, root: Path, out: Path) -> str:
    """Return why; nothing may be left behind."""
    before = below(out) if out.is_dir() else None
    with pytest.raises((BundleError, UsageError)) as caught:
        ship(lock, root, out)
    assert (below(out) if out.is_dir() else None) == before
    assert [each for each in out.parent.iterdir() if each.name.startswith(".")] == []
    return str(caught.value)


def test_exactly_the_files_of_the_lock_are_copied(root: Path, lock: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = ship(lock, root, out)
    assert below(out) == [
        "fusion/t05/attend-fp16.pte", "fusion/t05/fuse-fp16.pte", "manifest.json",
        "tiers.lock.json",
    ]  # fmt: skip
    assert list(done.files) == below(out)[:2]
    assert done.size_bytes == 400
    assert (out / "tiers.lock.json").read_bytes() == lock.read_bytes()
    for name in done.files:
        assert (out / name).read_bytes() == (root / name).read_bytes()


def test_folders_are_copied_with_all_that_is_in_them(tmp_path: Path) -> None:
    root = write_bundle(tmp_path / "bundle", tiers=("t01",), formats=("coreml",), verified=False)
    manifest = manifest_of(root)
    for each in manifest["artifacts"]:
        path = root / each["path"]
        path.unlink()
        (path / "Data").mkdir(parents=True)
        (path / "Manifest.json").write_text("{}")
        (path / "Data" / "weight.bin").write_bytes(each["recipe"].encode())
        each |= {"sha256": sha256_of(path), "size_bytes": size_bytes_of(path)}
    write_json(root / "manifest.json", manifest)
    lock = tmp_path / "tiers.lock.json"
    made = locked(root, formats={"android": ["coreml"]}, allow_unverified=True)
    lock.write_text(lock_text(made))
    ship(lock, root, tmp_path / "out")
    assert below(tmp_path / "out") == [
        "manifest.json",
        "rvm/t01/matte-fp16.mlpackage/Data/weight.bin",
        "rvm/t01/matte-fp16.mlpackage/Manifest.json",
        "tiers.lock.json",
    ]
    (root / "rvm/t01/matte-fp16.mlpackage/Data/weight.bin").write_bytes(b"fp17")
    assert "its sha256 is" in refused(lock, root, tmp_path / "again")


def test_a_folder_of_an_earlier_lock_is_replaced_whole(
    root: Path, lock: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ship(lock, root, out)
    other = tmp_path / "other.lock.json"
    other.write_text(lock_text(locked(root, "t01")))
    ship(other, root, out)
    assert below(out)[:2] == ["fusion/t01/attend-fp16.pte", "fusion/t01/fuse-fp16.pte"]
    assert below(out)[2:] == ["manifest.json", "tiers.lock.json"]


@pytest.mark.parametrize("name", ["note.txt", "fusion/t05/mine.pte", "deep/er/note.txt"])
def test_a_folder_that_holds_anything_else_is_left_alone(
    root: Path, lock: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "out"
    ship(lock, root, out)
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    (out / name).write_text("mine")
    assert f"which holds {name}" in refused(lock, root, out)


def test_a_folder_without_a_lock_is_left_alone(root: Path, lock: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "note.txt").write_text("mine")
    assert "which holds note.txt" in refused(lock, root, out)


def test_a_file_or_a_link_in_the_way_is_left_alone(root: Path, lock: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert "a file or a link" in refused(lock, root, tmp_path / "file")
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert "a file or a link" in refused(lock, root, tmp_path / "link")


def test_a_folder_that_overlaps_with_the_bundle_is_refused(
    root: Path, lock: Path, tmp_path: Path
) -> None:
    for out in (root, root / "shipped", tmp_path):
        with pytest.raises(UsageError, match="overlaps with the bundle"):
            ship(lock, root, out)
    assert not (root / "shipped").exists()


def test_a_missing_file_leaves_nothing(root: Path, lock: Path, tmp_path: Path) -> None:
    (root / "fusion/t05/fuse-fp16.pte").unlink()
    assert "fusion/t05/fuse-fp16.pte is missing" in refused(lock, root, tmp_path / "out")


def test_a_changed_file_leaves_nothing(root: Path, lock: Path, tmp_path: Path) -> None:
    path = root / "fusion/t05/fuse-fp16.pte"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    assert "fusion/t05/fuse-fp16.pte: its sha256 is" in refused(lock, root, tmp_path / "out")


def test_without_the_check_of_hashes_a_changed_file_would_ship(
    root: Path, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root / "fusion/t05/fuse-fp16.pte"
    path.write_bytes(b"other")
    monkeypatch.setattr(shipping, "_check_copy", lambda _copy, _file: None)
    ship(lock, root, tmp_path / "out")
    assert (tmp_path / "out/fusion/t05/fuse-fp16.pte").read_bytes() == b"other"


def test_a_bundle_that_was_built_anew_makes_a_lock_stale(
    root: Path, lock: Path, tmp_path: Path
) -> None:
    manifest = manifest_of(root)
    manifest["pocketmatte"] = "1"
    write_json(root / "manifest.json", manifest)
    assert "is stale: it is of manifest" in refused(lock, root, tmp_path / "out")


def test_a_bundle_that_was_verified_anew_makes_a_lock_stale(
    root: Path, lock: Path, tmp_path: Path
) -> None:
    shutil.rmtree(root / "results")
    assert "parity.json is not what it was chosen by" in refused(lock, root, tmp_path / "out")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("path", "../../../secret", "leads outside the bundle"),
        ("path", "/etc/passwd", "leads outside the bundle"),
        ("path", "manifest.json", "does not list so"),
        ("path", "fusion/t05", "does not list so"),
        ("path", "fusion/t05/../t05/fuse-fp16.pte", "leads outside the bundle"),
        ("sha256", "c" * 64, "does not list so"),
        ("size_bytes", 1, "does not list so"),
        ("program", "other", "does not list so"),
    ],
)
def test_a_hostile_lock_copies_nothing(
    root: Path, lock: Path, tmp_path: Path, field: str, value: object, said: str
) -> None:
    change(lock, field, value)
    assert said in refused(lock, root, tmp_path / "out")


def test_a_thousand_corrupted_locks_ship_what_they_say_or_nothing(
    root: Path, lock: Path, tmp_path: Path
) -> None:
    source, out = random.Random(41), tmp_path / "out"
    text = lock.read_text()
    ways = places(json.loads(text))
    listed = {each["path"]: each["sha256"] for each in manifest_of(root)["artifacts"]}
    said: Counter[str] = Counter()
    for _ in range(1000):
        data = corrupted(text, ways, source)
        lock.write_bytes(data)
        said[refused_or(lambda: ship(lock, root, out))] += 1
        if out.exists():
            shipped = set(below(out)) - {"manifest.json", "tiers.lock.json"}
            assert all(sha256_of(out / name) == listed[name] for name in shipped)
            assert (out / "tiers.lock.json").read_bytes() == data
            shutil.rmtree(out)
        refused_or(lambda: run(Request(bundle=root, check=lock)))
    assert said["refused"] > 100
    assert said["answered"] > 100


def test_a_link_that_leads_outside_is_not_followed(root: Path, lock: Path, tmp_path: Path) -> None:
    path = root / "fusion/t05/fuse-fp16.pte"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert "leads outside the bundle" in refused(lock, root, tmp_path / "out")


def test_a_lock_that_takes_nothing_is_refused(root: Path, tmp_path: Path) -> None:
    lock = tmp_path / "tiers.lock.json"
    lock.write_text(lock_text(locked(root, minimum_tier="t12", optional=True)))
    assert "takes no file" in refused(lock, root, tmp_path / "out")


def test_a_full_disk_leaves_nothing(
    root: Path, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Path] = []

    def full(source: Path, to: Path) -> None:
        calls.append(to)
        to.write_bytes(source.read_bytes()[:10])
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pocketmatte.selection.shipping.shutil.copyfile", full)
    assert "No space left on device" in refused(lock, root, tmp_path / "out")
    assert len(calls) == 2


def test_the_command_says_what_it_copied(
    root: Path, lock: Path, tmp_path: Path, cli: Callable[..., Any]
) -> None:
    out = tmp_path / "out"
    said = cli("bundle", lock, "--bundle", root, "--out", out, "--json")
    assert said.code == 0
    assert said.json()["files"] == below(out)[:2]
    inside = shutil.copy(lock, root / "tiers.lock.json")
    assert cli("bundle", inside, "--out", tmp_path / "again").code == 0


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_a_bare_python_says_the_same(
    root: Path, lock: Path, tmp_path: Path, cli: Callable[..., Any],
    capfd: pytest.CaptureFixture[str], words: list[str],
) -> None:  # fmt: skip
    given = ["bundle", str(lock), "--bundle", str(root), "--out", str(tmp_path / "out"), *words]
    assert main(given) == 0
    bare = capfd.readouterr()
    assert bare.err == f"pocketmatte: 2 files, 0.00 MB in {tmp_path / 'out'}\n"
    assert bare.out == cli(*given).out


def test_the_command_wants_a_bundle(lock: Path, tmp_path: Path, cli: Callable[..., Any]) -> None:
    said = cli("bundle", lock, "--out", tmp_path / "out")
    assert "lies in no bundle; give it with --bundle" in said.refusal(2)
