"""Which files may be trained on: what the data folder's own index says of each."""

from pathlib import Path

import pytest

from pocketmatte.training import sources
from pocketmatte.training.sources import SourceIndex
from tests.training.data_folders import PERMISSIVE_ROWS, data_folder
from tiers.errors import MediaError, UsageError


def test_a_folder_of_permissive_items_is_selected(tmp_path: Path) -> None:
    selection = SourceIndex(data_folder(tmp_path, {})).selection()
    assert [source.path.name for source in selection.taught] == [
        "asl_again.mkv",
        "vp9_webrtc_4.webm",
    ]
    assert {source.licence_class for source in selection.photos} == {"PERMISSIVE"}


@pytest.mark.parametrize("item", PERMISSIVE_ROWS)
@pytest.mark.parametrize("licence_class", ["NON-COMMERCIAL", "UNCLEAR", "PERMISSIVE / UNCLEAR", ""])
def test_an_item_of_another_licence_class_is_refused(
    tmp_path: Path, item: str, licence_class: str
) -> None:
    folder = data_folder(tmp_path, {item: licence_class})
    with pytest.raises(UsageError, match=r"training takes PERMISSIVE only; leave it out") as caught:
        SourceIndex(folder).selection()
    assert repr(licence_class) in str(caught.value)


def test_a_file_that_the_index_does_not_list_is_refused(tmp_path: Path) -> None:
    folder = data_folder(tmp_path, {})
    with pytest.raises(UsageError, match=r"does not list backgrounds/photos/other\.jpg"):
        SourceIndex(folder).source(folder / "backgrounds/photos/other.jpg")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("mattes/p3m_pseudo/image/p_1.jpg,NON-COMMERCIAL,a licence", "class 'NON-COMMERCIAL'"),
        (
            "mattes/p3m_pseudo/alpha/p_2.png,UNCLEAR,a licence",
            "p_2.png has licence class 'UNCLEAR'",
        ),
        ("mattes,PERMISSIVE,  ", r"image/p_1\.jpg has no licence in index\.csv"),
        ("mattes,PERMISSIVE", r"image/p_1\.jpg has no licence in index\.csv"),
        ("clips_nogt/*,NON-COMMERCIAL,a licence", "has licence class 'NON-COMMERCIAL'"),
    ],
)
def test_every_row_about_a_file_or_its_alpha_must_allow_it(
    tmp_path: Path, row: str, message: str
) -> None:
    folder = data_folder(tmp_path, {})
    with (folder / "index.csv").open("a", encoding="utf-8") as file:
        file.write(f"{row}\n")
    with pytest.raises(UsageError, match=message):
        SourceIndex(folder).selection()


def test_links_and_files_outside_are_refused(tmp_path: Path) -> None:
    folder = data_folder(tmp_path / "data", {})
    other = folder / "clips/alpha_dancer/fgr/00000.jpg"
    other.parent.mkdir(parents=True)
    other.touch()
    link = folder / "mattes/p3m_pseudo/image/p_1.jpg"
    link.unlink()
    link.symlink_to(other)
    with pytest.raises(UsageError, match=r"mattes/p3m_pseudo/image/p_1\.jpg is a link"):
        SourceIndex(folder).selection()
    link.unlink()
    link.touch()
    alphas = folder / "mattes/p3m_pseudo/alpha"
    alphas.symlink_to(other.parent)
    with pytest.raises(UsageError, match=r"mattes/p3m_pseudo/alpha/p_1\.png is a link"):
        SourceIndex(folder).selection()
    for path in (tmp_path / "outside.jpg", folder / "mattes/../clips/alpha_dancer/fgr/00000.jpg"):
        with pytest.raises(UsageError, match="is not in"):
            SourceIndex(folder).source(path)


def test_a_data_folder_may_itself_be_a_link(tmp_path: Path) -> None:
    data_folder(tmp_path / "data", {})
    (tmp_path / "link").symlink_to(tmp_path / "data")
    assert len(SourceIndex(tmp_path / "link").selection().mattes) == 8


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"item,licence_class\na,PERMISSIVE\n", r"index\.csv has no column licence; it needs item"),
        (b"", "has no column item"),
        (b"item,licence_class,licence\na,PERMISSIVE,caf\xe9\n", "save it as CSV in UTF-8"),
        (b'item,licence_class,licence\na,b,"' + b"x" * 200_000, "save it as CSV in UTF-8"),
    ],
)
def test_an_index_that_cannot_be_read_is_told(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "index.csv").write_bytes(content)
    with pytest.raises(MediaError, match=message):
        SourceIndex(tmp_path)


def test_evaluation_clips_are_refused_whatever_their_licence(tmp_path: Path) -> None:
    folder = data_folder(tmp_path, {"clips/alpha_dancer": "PERMISSIVE"})
    with pytest.raises(UsageError, match="evaluation only"):
        SourceIndex(folder).source(folder / "clips/alpha_dancer/fgr/00000.jpg")


def test_items_and_backgrounds_of_the_evaluation_are_left_out(tmp_path: Path) -> None:
    selection = SourceIndex(data_folder(tmp_path, {})).selection()
    names = [matte.source.path.stem for matte in selection.mattes]
    assert names == ["p_1", "p_2", "p_3", "p_4", "p_6", "a_1", "i_1", "lemur"]
    assert [source.path.stem for source in selection.photos] == ["dunes"]
    assert "crissy_field" in sources.EVALUATION_BACKGROUNDS


def test_a_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"no index\.csv"):
        SourceIndex(tmp_path)
