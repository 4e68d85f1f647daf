import hashlib
from pathlib import Path

import pytest

from export.artifact import inside, members, sha256_of, size_bytes_of, write_text
from tiers.errors import BundleError


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a folder of three files, 12 bytes together."""
    folder = tmp_path / "model.mlpackage"
    for name, text in (("Manifest.json", "{}"), ("Data/a.bin", "weights"), ("Data/b", "b.2")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_a_file_has_the_hash_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"x" * (3 << 20))
    assert sha256_of(path) == hashlib.sha256(b"x" * (3 << 20)).hexdigest()
    assert size_bytes_of(path) == 3 << 20


def test_a_folder_has_the_hash_of_its_names_and_contents(package: Path) -> None:
    expected = hashlib.sha256()
    for name, data in ((b"Data/a.bin", b"weights"), (b"Data/b", b"b.2"), (b"Manifest.json", b"{}")):
        expected.update(name + b"\0" + hashlib.sha256(data).digest())
    assert sha256_of(package) == expected.hexdigest()
    assert size_bytes_of(package) == 12
    assert [path.name for path in members(package)] == ["a.bin", "b", "Manifest.json"]


def test_a_copy_elsewhere_made_in_another_order_has_the_same_hash(package: Path) -> None:
    before = sha256_of(package)
    copy = package.parent / "copy"
    for path in reversed(members(package)):
        target = copy / path.relative_to(package)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    assert sha256_of(copy) == before


@pytest.mark.parametrize("change", ["rename", "edit", "move", "add", "remove"])
def test_any_change_of_a_folder_changes_its_hash(package: Path, change: str) -> None:
    before = sha256_of(package)
    first = package / "Data" / "a.bin"
    if change == "rename":
        first.rename(first.with_name("c.bin"))
    elif change == "edit":
        first.write_text("weightz")
    elif change == "move":
        first.rename(package / "a.bin")
    elif change == "add":
        (package / "empty").touch()
    else:
        first.unlink()
    assert sha256_of(package) != before


@pytest.mark.parametrize("target", ["Data/a.bin", "Data", "../outside", "nothing"])
def test_a_folder_with_a_symbolic_link_is_refused(package: Path, target: str) -> None:
    (package.parent / "outside").touch()
    link = package / "Data" / "link"
    link.symlink_to(package / target)
    message = f"{link} is a symbolic link; a bundle holds files only: build it again"
    for use in (sha256_of, size_bytes_of, members):
        with pytest.raises(BundleError) as caught:
            use(package)
        assert str(caught.value) == message


@pytest.mark.parametrize("relative", ["rvm/t01/matte.onnx", "./manifest.json", "a..b", "..c/d"])
def test_a_path_inside_is_joined(tmp_path: Path, relative: str) -> None:
    assert inside(tmp_path, relative) == tmp_path / relative


def _outside(root: Path, relative: str) -> None:
    with pytest.raises(BundleError) as caught:
        inside(root, relative)
    assert str(caught.value) == (
        f"path {relative!r} leads outside the bundle {root}; build it again"
    )


@pytest.mark.parametrize(
    "relative",
    [
        "../x",
        "a/../../x",
        "a/../b",
        "..",
        "/etc/hostname",
        "",
        ".",
        "..\\x",
        "a\\b",
        "C:\\x",
        "a\0b",
    ],
)
def test_a_path_that_leads_outside_is_refused(tmp_path: Path, relative: str) -> None:
    _outside(tmp_path, relative)


def test_a_link_that_leads_outside_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "bundle"
    root.mkdir()
    (tmp_path / "secret").touch()
    (root / "file").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path)
    (root / "relative").symlink_to("../secret")
    for relative in ("file", "folder/secret", "folder/new", "relative"):
        _outside(root, relative)


def test_a_bundle_may_itself_lie_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    root = tmp_path / "link"
    root.symlink_to("real")
    assert inside(root, "a/b") == root / "a" / "b"


def test_a_loop_of_links_is_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert not inside(tmp_path, "loop/x").exists()


def test_text_is_written_whole_with_line_ends_of_one_byte(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "manifest.json"
    write_text(path, "é\n")
    write_text(path, "è\n")
    assert path.read_bytes() == "è\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_text_that_the_disk_refuses_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "manifest.json"
    with pytest.raises(BundleError) as caught:
        write_text(path, "{}")
    assert str(caught.value).startswith(f"could not write {path} (")
    assert str(caught.value).endswith("; free some space or choose another folder")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
