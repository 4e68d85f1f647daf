import os
from pathlib import Path

import pytest

from export.atomic import remove_partials, whole
from tiers.errors import BundleError


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "model.onnx"
    with whole(path) as partial:
        partial.write_bytes(b"new")
        assert partial.name == ".model.onnx.partial"
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_interrupted_write_leaves_what_was_there(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    with pytest.raises(error), whole(path) as partial:  # noqa: PT012
        partial.write_bytes(b"ne")
        raise error
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_in_the_middle_of_clearing_up_is_still_one(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), whole(tmp_path / "model.onnx") as partial:  # noqa: PT012
        partial.write_bytes(b"ne")
        try:
            raise KeyboardInterrupt
        finally:  # as a temporary folder that is being removed
            os.close(_closed_descriptor())
    assert list(tmp_path.iterdir()) == []


def _closed_descriptor() -> int:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    return descriptor


def test_a_folder_replaces_a_folder_and_what_a_killed_process_left(tmp_path: Path) -> None:
    path = tmp_path / "model.mlpackage"
    for folder in (path, tmp_path / ".model.mlpackage.partial"):
        folder.mkdir()
        (folder / "old").touch()
    with whole(path) as partial:
        (partial / "Data").mkdir(parents=True)
        (partial / "Data" / "new").touch()
    assert [part.relative_to(tmp_path).as_posix() for part in sorted(tmp_path.rglob("*"))] == [
        "model.mlpackage",
        "model.mlpackage/Data",
        "model.mlpackage/Data/new",
    ]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_a_folder_whose_replacement_fails_is_put_back(
    tmp_path: Path, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.mlpackage"
    path.mkdir()
    (path / "old").touch()

    def fail(_: Path, target: Path) -> None:
        assert not target.exists()  # the old folder has made way
        raise error

    monkeypatch.setattr(Path, "replace", fail)
    expected = BundleError if error is OSError else error
    with pytest.raises(expected), whole(path) as partial:  # noqa: PT012
        partial.mkdir()
        (partial / "new").touch()
    assert [part.relative_to(tmp_path).as_posix() for part in sorted(tmp_path.rglob("*"))] == [
        "model.mlpackage",
        "model.mlpackage/old",
    ]


def test_a_folder_that_a_killed_process_moved_away_outlives_a_failed_write(tmp_path: Path) -> None:
    (tmp_path / ".model.mlpackage.replaced").mkdir()
    with pytest.raises(ZeroDivisionError), whole(tmp_path / "model.mlpackage"):
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["model.mlpackage"]


def test_a_file_never_replaces_a_folder_nor_a_folder_a_file(tmp_path: Path) -> None:
    (tmp_path / "folder" / "mine").mkdir(parents=True)
    with pytest.raises(BundleError, match=r"could not write .*folder \(Is a directory\)"):
        write(tmp_path / "folder")
    (tmp_path / "file").touch()
    with (
        pytest.raises(BundleError, match=r"could not write .*file \(Not a directory\)"),
        whole(tmp_path / "file") as partial,
    ):
        partial.mkdir()
    names = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*"))
    assert names == ["file", "folder", "folder/mine"]


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    way_out = "free some space or choose another folder"
    with pytest.raises(BundleError) as caught:
        write(tmp_path / "file" / "model.onnx")
    path = tmp_path / "file" / "model.onnx"
    assert str(caught.value) == f"could not write {path} (File exists); {way_out}"


def test_what_a_killed_process_left_is_removed_or_put_back_and_links_are_not_followed(
    tmp_path: Path,
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "mine").touch()
    below = tmp_path / "build" / "rvm"
    (below / ".a.mlpackage.partial" / "Data").mkdir(parents=True)
    (below / ".a.mlpackage.replaced").mkdir()  # it was moved aside, and nothing took its place
    (below / ".d.mlpackage.replaced").mkdir()
    (below / "d.mlpackage").mkdir()
    (below / ".e.replaced").symlink_to(kept)
    (below / ".b.onnx.partial").touch()
    (below / ".c.partial").symlink_to(kept)
    (below / "whole.onnx").touch()
    remove_partials(tmp_path / "build")
    left = sorted(path.name for path in below.iterdir())
    assert left == ["a.mlpackage", "d.mlpackage", "whole.onnx"]
    assert (kept / "mine").exists()


def write(path: Path) -> None:
    with whole(path) as partial:
        partial.write_bytes(b"new")


@pytest.mark.parametrize("path", [Path(), Path("a/.."), Path("/")])
def test_a_path_without_a_name_is_refused(path: Path) -> None:
    with pytest.raises(BundleError, match="give the name it is to have"), whole(path):
        pass
