import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pocketmatte.training import prepare, sources
from pocketmatte.training.compositions import ClipComposer
from pocketmatte.training.cutouts import make_cutout, read_picture, read_video, straight_colour
from pocketmatte.training.library import load_library
from pocketmatte.training.sources import SourceIndex
from tiers.errors import MediaError, UsageError

PERMISSIVE_ROWS = {
    "clips_nogt/one_by_one.mp4": "PERMISSIVE",
    "clips_nogt/sam2_01_dog.mp4": "PERMISSIVE",
    "clips_nogt/asl_*.mkv": "PERMISSIVE",
    "clips_nogt/vp9_webrtc_4.webm": "PERMISSIVE",
    "mattes/p3m_pseudo": "PERMISSIVE",
    "mattes/am2k_pseudo": "PERMISSIVE",
    "mattes/aim_pseudo": "PERMISSIVE",
    "mattes/lemur": "PERMISSIVE",
    "backgrounds/photos: dunes, crissy_field": "PERMISSIVE",
    "backgrounds/videos/flower.mp4": "PERMISSIVE",
}
FILES = (
    "clips_nogt/one_by_one.mp4",
    "clips_nogt/sam2_01_dog.mp4",
    "clips_nogt/asl_again.mkv",
    "clips_nogt/vp9_webrtc_4.webm",
    *(f"mattes/p3m_pseudo/image/p_{number}.jpg" for number in range(7)),
    *(f"mattes/am2k_pseudo/image/a_{number}.jpg" for number in range(2)),
    *(f"mattes/aim_pseudo/image/i_{number}.jpg" for number in range(2)),
    "mattes/lemur/image/lemur.jpg",
    "backgrounds/photos/dunes.jpg",
    "backgrounds/photos/crissy_field.jpg",
    "backgrounds/videos/flower.mp4",
)


def _data_folder(folder: Path, changed: dict[str, str]) -> Path:
    """A data folder of empty files: what may be read is decided before any file is opened."""
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("item", "licence_class", "licence"))
        for item, licence_class in (PERMISSIVE_ROWS | changed).items():
            writer.writerow((item, licence_class, "a licence"))
    return folder


def test_a_folder_of_permissive_items_is_selected(tmp_path: Path) -> None:
    selection = SourceIndex(_data_folder(tmp_path, {})).selection()
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
    folder = _data_folder(tmp_path, {item: licence_class})
    with pytest.raises(UsageError, match=r"training takes PERMISSIVE only; leave it out") as caught:
        SourceIndex(folder).selection()
    assert repr(licence_class) in str(caught.value)


def test_the_command_refuses_with_one_line_exit_code_2_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = _data_folder(tmp_path / "data", {"mattes/p3m_pseudo": "NON-COMMERCIAL"})
    out = tmp_path / "cache"
    code = prepare.main(["--data", str(data), "--weights", str(tmp_path), "--out", str(out)])
    assert code == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "mattes/p3m_pseudo/image/p_1.jpg has licence class 'NON-COMMERCIAL'" in message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_a_file_that_the_index_does_not_list_is_refused(tmp_path: Path) -> None:
    folder = _data_folder(tmp_path, {})
    with pytest.raises(UsageError, match=r"does not list backgrounds/photos/other\.jpg"):
        SourceIndex(folder).source(folder / "backgrounds/photos/other.jpg")


def test_evaluation_clips_are_refused_whatever_their_licence(tmp_path: Path) -> None:
    folder = _data_folder(tmp_path, {"clips/alpha_dancer": "PERMISSIVE"})
    with pytest.raises(UsageError, match="evaluation only"):
        SourceIndex(folder).source(folder / "clips/alpha_dancer/fgr/00000.jpg")


def test_items_and_backgrounds_of_the_evaluation_are_left_out(tmp_path: Path) -> None:
    selection = SourceIndex(_data_folder(tmp_path, {})).selection()
    names = [matte.source.path.stem for matte in selection.mattes]
    assert names == ["p_1", "p_2", "p_3", "p_4", "p_6", "a_1", "i_1", "lemur"]
    assert [source.path.stem for source in selection.photos] == ["dunes"]
    assert "crissy_field" in sources.EVALUATION_BACKGROUNDS


def test_a_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"no index\.csv"):
        SourceIndex(tmp_path)


def test_straight_colour_keeps_nothing_of_the_old_background() -> None:
    alpha = np.clip((24.0 - np.abs(np.arange(64) - 32.0)) / 8.0, 0.0, 1.0)
    alpha = np.tile(alpha.astype(np.float32), (64, 1))
    red, green = np.array((200.0, 30.0, 30.0)), np.array((20.0, 220.0, 20.0))
    picture = alpha[..., None] * red + (1.0 - alpha[..., None]) * green
    colour = straight_colour(np.rint(picture).astype(np.uint8), alpha)
    assert np.abs(colour.astype(np.float64) - red).max() <= 4.0


def test_a_cutout_knows_where_its_picture_cut_it() -> None:
    picture = np.full((60, 80, 3), 128, np.uint8)
    alpha = np.zeros((60, 80), np.float32)
    alpha[20:, 30:50] = 1.0
    cutout = make_cutout([picture], [alpha])
    assert cutout is not None
    assert cutout.cut == ("bottom",)
    assert cutout.pixels.shape == (1, 40, 20, 4)
    assert make_cutout([picture], [np.zeros_like(alpha)]) is None


def _cache(folder: Path, version: int) -> Path:
    folder.mkdir()
    pixels = np.full((2, 40, 20, 4), 255, np.uint8)
    np.save(folder / "person.npy", pixels)
    row = {"name": "person", "role": "cutout", "kind": "half", "cut": ["bottom"]}
    row |= {"file": "person.npy", "source": "clips_nogt/asl_again.mkv"}
    text = json.dumps({"version": version, "items": [row]})
    (folder / "index.json").write_text(text, "utf-8")
    return folder


def test_a_prepared_cutout_is_composed_without_showing_its_cut_side(tmp_path: Path) -> None:
    cache = _cache(tmp_path / "cache", 1)
    composer = ClipComposer(cache, frame_hw=(96, 160), clip_length=2, seed=0)
    clips = [composer.clip(index) for index in range(40)]
    boxes = [clip for clip in clips if _is_upright_box(clip.alpha[0, 0].numpy())]
    assert boxes
    for clip in boxes:
        assert (clip.alpha[:, :, -1].amax((1, 2)) > 0.99).all()


def _is_upright_box(alpha: np.ndarray) -> bool:
    opaque = alpha > 0.99
    rows, columns = opaque.any(1), opaque.any(0)
    return bool(opaque.sum() > 200 and opaque.sum() == rows.sum() * columns.sum())


def test_a_cache_of_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="has version 99, this program reads 1"):
        load_library(_cache(tmp_path / "cache", 99))


def test_a_folder_that_is_no_cache_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"make it with pocketmatte\.training\.prepare"):
        load_library(tmp_path)


def test_pictures_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"cannot read broken\.jpg"):
        read_picture(path, "RGB")
    with pytest.raises(MediaError, match=r"cannot read broken\.jpg"):
        read_video(path)
    Image.new("RGB", (4, 2)).save(path)
    assert read_picture(path, "RGB").shape == (2, 4, 3)
