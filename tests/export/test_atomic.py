from pathlib import Path

import pytest

from export.atomic import whole


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
