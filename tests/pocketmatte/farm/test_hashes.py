"""A file that nobody wrote since is not read again; one that somebody did is."""

import os
from pathlib import Path

import pytest

from export.artifact import sha256_of
from pocketmatte.farm.hashes import Hashes


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "a.mlpackage"
    folder.mkdir()
    (folder / "one").write_text("1")
    (folder / "two").write_text("2")
    return folder


def remembered(root: Path, path: Path) -> str:
    hashes = Hashes(root)
    found = hashes.of(path)
    hashes.save()
    return found


def test_what_nobody_wrote_is_not_read_again(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = remembered(tmp_path, package)
    assert first == sha256_of(package)

    def read(_: Path) -> str:
        pytest.fail("it was read again")

    monkeypatch.setattr("pocketmatte.farm.hashes.sha256_of", read)
    assert remembered(tmp_path, package) == first


def test_what_is_learnt_is_not_read_at_all_until_somebody_writes(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = sha256_of(package)
    hashes = Hashes(tmp_path)
    with monkeypatch.context() as context:
        context.setattr("pocketmatte.farm.hashes.sha256_of", lambda _: pytest.fail("it was read"))
        hashes.learn(package, told)
        assert hashes.of(package) == told
    (package / "one").write_text("3")
    assert hashes.of(package) == sha256_of(package) != told


def test_what_was_written_is_read_again_though_size_and_time_are_as_they_were(
    package: Path, tmp_path: Path
) -> None:
    first = remembered(tmp_path, package)
    before = (package / "one").stat()
    (package / "one").write_text("3")
    os.utime(package / "one", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert remembered(tmp_path, package) == sha256_of(package) != first


def test_a_file_more_or_less_is_seen(package: Path, tmp_path: Path) -> None:
    first = remembered(tmp_path, package)
    (package / "three").touch()
    assert remembered(tmp_path, package) != first
    (package / "three").unlink()
    assert remembered(tmp_path, package) == first


@pytest.mark.parametrize("text", ["", "[]", '{"a.mlpackage": 1}', '{"a.mlpackage": [[], 1]}'])
def test_a_damaged_memory_is_none(package: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "hashes.json").write_text(text)
    assert remembered(tmp_path, package) == sha256_of(package)
