"""Pictures with an alpha channel of their own become stills."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pocketmatte.training.cut_out_stills import main, stills
from pocketmatte.training.stills import StillFolder
from tiers.errors import MediaError, UsageError


def disk(radius: float) -> np.ndarray:
    y, x = np.mgrid[:64, :64] - 31.5
    alpha: np.ndarray = (255 * np.clip(radius - np.hypot(y, x), 0, 1)).astype(np.uint8)
    return alpha


def save(path: Path, alpha: np.ndarray) -> None:
    pixels = np.dstack((np.full((64, 64, 3), (200, 30, 40), np.uint8), alpha))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_a_picture_becomes_a_still_whose_matte_is_its_alpha(tmp_path: Path) -> None:
    save(tmp_path / "given/ball.webp", disk(20))
    assert stills(tmp_path / "given", tmp_path / "data") == 1
    folder = StillFolder(tmp_path / "data/stills")
    assert folder.soft
    assert folder[0].name == "ball"
    assert np.array_equal(folder[0].matte, disk(20))
    assert np.abs(folder[0].picture[32, 32] - np.array((200, 30, 40))).max() < 6
    assert (folder[0].picture[0, 0] == 127).all()


def test_specks_squares_and_opaque_pictures_are_passed_over(tmp_path: Path) -> None:
    save(tmp_path / "speck.png", disk(3))
    save(tmp_path / "opaque.png", np.full((64, 64), 255, np.uint8))
    square = np.zeros((64, 64), np.uint8)
    square[8:56, 8:56] = 255
    save(tmp_path / "square.png", square)
    save(tmp_path / "ball.png", disk(20))
    assert stills(tmp_path, tmp_path / "data") == 1
    assert [path.name for path in (tmp_path / "data/stills/alpha").iterdir()] == ["ball.png"]


def test_names_are_left_out_by_pattern(tmp_path: Path) -> None:
    for name in ("cat", "flag-no", "flag-se"):
        save(tmp_path / f"{name}.png", disk(20))
    assert main(["--pictures", str(tmp_path), "--out", str(tmp_path), "--leave-out", "flag-*"]) == 0
    assert len(StillFolder(tmp_path / "stills")) == 1


def test_nothing_to_write_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="holds no picture with an alpha channel"):
        stills(tmp_path, tmp_path)
    assert main(["--pictures", str(tmp_path / "none"), "--out", str(tmp_path)]) == 2
    assert "none is no folder" in capsys.readouterr().err


def test_another_format_under_the_name_of_a_picture_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "sticker.tiff", disk(20))
    (tmp_path / "sticker.tiff").rename(tmp_path / "sticker.png")
    with pytest.raises(MediaError, match=r"sticker\.png cannot be read"):
        stills(tmp_path, tmp_path)


def test_a_damaged_picture_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"a\.png cannot be read") as caught:
        stills(tmp_path, tmp_path)
    assert "\n" not in str(caught.value)
