"""Making the training cache: cutouts, and the folder that they are written to."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pocketmatte.training import prepare, sources
from pocketmatte.training.cutouts import make_cutout, read_video, straight_colour
from pocketmatte.training.library import load_library
from tests.training.data_folders import data_folder
from tests.training.drawn_videos import make_video
from tiers.errors import MediaError, UsageError


def test_the_command_refuses_with_one_line_exit_code_2_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = data_folder(tmp_path / "data", {"mattes/p3m_pseudo": "NON-COMMERCIAL"})
    out = tmp_path / "cache"
    code = prepare.main(["--data", str(data), "--weights", str(tmp_path), "--out", str(out)])
    assert code == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "mattes/p3m_pseudo/image/p_1.jpg has licence class 'NON-COMMERCIAL'" in message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `prepare` run on empty files: grey pictures, and one background array."""

    def entries(selection: sources.Selection, _: object) -> Iterator[object]:
        pixels = np.full((1, 4, 6, 3), 9, np.uint8)
        yield prepare._background(selection.photos[0], pixels, "test")

    def grey(*shape: int) -> Callable[[Path], np.ndarray]:
        return lambda _: np.full(shape, 128, np.uint8)

    monkeypatch.setattr(prepare, "Teachers", lambda _: None)
    monkeypatch.setattr(prepare, "_entries", entries)
    monkeypatch.setattr(prepare, "read_picture", grey(4, 6, 3))
    monkeypatch.setattr(prepare, "read_matte", grey(4, 6))


@pytest.mark.usefixtures("quick")
def test_a_cache_is_replaced_and_what_lies_beside_it_is_left(tmp_path: Path) -> None:
    data, out = data_folder(tmp_path / "data", {}), tmp_path / "cache"
    own = tmp_path / "cache.part"
    own.mkdir()
    (own / "thesis.txt").write_text("mine")
    assert prepare.prepare(data, tmp_path, out) == 1
    first = (out / "index.json").stat().st_ino
    assert prepare.prepare(data, tmp_path, out) == 1
    assert (out / "index.json").stat().st_ino != first
    assert len(load_library(out).backgrounds) == len(load_library(None).backgrounds) + 1
    assert len(list((out / "stills/alpha").iterdir())) == 8
    assert (own / "thesis.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "cache.part", "data"]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "name", ["clips/one/frames/0.png", "stills/image/mine.png", "backgrounds/mine.png", "a.npy"]
)
def test_a_cache_with_something_of_its_owners_is_not_replaced(tmp_path: Path, name: str) -> None:
    data, out = data_folder(tmp_path / "data", {}), tmp_path / "cache"
    prepare.prepare(data, tmp_path, out)
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    (out / name).write_text("mine")
    with pytest.raises(UsageError, match=f"{name} is not of the cache that would be replaced"):
        prepare.prepare(data, tmp_path, out)
    assert (out / name).read_text() == "mine"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("text", ["{}", "[]", '{"version": 1}', "no JSON"])
def test_a_folder_that_only_looks_like_a_cache_is_not_replaced(tmp_path: Path, text: str) -> None:
    data, out = data_folder(tmp_path / "data", {}), tmp_path / "site"
    out.mkdir()
    (out / "index.json").write_text(text)
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"site exists and is no cache .*give an empty place"):
        prepare.prepare(data, tmp_path, out)
    assert sorted(path.name for path in out.iterdir()) == ["index.json", "thesis.txt"]


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


def test_of_an_alpha_too_thin_for_its_size_there_is_no_cutout() -> None:
    picture = np.full((900, 1000, 3), 128, np.uint8)
    alpha = np.zeros((900, 1000), np.float32)
    alpha[20, 30] = alpha[-20, -30] = 0.03  # each a part of one pixel of the cutout's 448
    assert make_cutout([picture], [alpha]) is None


def test_a_playlist_is_no_video_to_cut_people_from(tmp_path: Path) -> None:
    make_video(tmp_path / "other.mp4")
    playlist = tmp_path / "clip.mkv"
    playlist.write_text("ffconcat version 1.0\nfile other.mp4\n")
    with pytest.raises(MediaError, match=r"clip\.mkv: is no readable video"):
        read_video(playlist)
    assert len(read_video(tmp_path / "other.mp4")) == 30


def test_a_video_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"broken\.jpg: is no readable video"):
        read_video(path)


@pytest.mark.parametrize("form", ["JPEG", "GIF"])
def test_a_picture_too_large_or_of_another_format_than_its_name_says_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    selection = sources.SourceIndex(data_folder(tmp_path, {})).selection()
    path = selection.photos[0].path
    Image.new("RGB", (8, 6)).save(path, format=form)
    if form == "JPEG":
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 8 * 6 // 2 - 1)
    with pytest.raises(MediaError, match=rf"{path.name}: is no readable picture"):
        next(prepare._entries(selection, None))  # type: ignore[arg-type]
