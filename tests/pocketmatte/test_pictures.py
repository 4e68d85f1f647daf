from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pocketmatte.pictures import picture_size_hw, read_matte, read_picture, write_image
from tiers.errors import MediaError


@pytest.mark.parametrize("channels", [(), (3,)])
def test_a_written_picture_is_read_back(tmp_path: Path, channels: tuple[int, ...]) -> None:
    path = tmp_path / "out.png"
    array = np.random.default_rng(0).integers(0, 256, (5, 7, *channels), np.uint8)
    write_image(path, array)
    found = read_picture(path) if channels else read_matte(path)
    np.testing.assert_array_equal(found, array)
    assert picture_size_hw(path) == (5, 7)
    assert list(tmp_path.iterdir()) == [path]


def test_a_grey_picture_gives_three_equal_channels(tmp_path: Path) -> None:
    write_image(tmp_path / "grey.png", np.arange(12, dtype=np.uint8).reshape(3, 4))
    found = read_picture(tmp_path / "grey.png")
    assert found.shape == (3, 4, 3)
    np.testing.assert_array_equal(found[..., 1], np.arange(12).reshape(3, 4))


def test_a_transparent_picture_is_laid_over_black(tmp_path: Path) -> None:
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0] = [(200, 100, 50, 255), (200, 100, 50, 51), (200, 100, 50, 0)]
    write_image(tmp_path / "cut.png", rgba)
    wanted = [[(200, 100, 50), (40, 20, 10), (0, 0, 0)]]
    np.testing.assert_array_equal(read_picture(tmp_path / "cut.png"), wanted)


def test_a_16_bit_matte_keeps_its_upper_byte(tmp_path: Path) -> None:
    deep = np.array([[0, 255, 256, 32768, 65535]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_matte(tmp_path / "deep.png"), [[0, 0, 1, 128, 255]])
    assert read_picture(tmp_path / "deep.png").shape == (1, 5, 3)


def test_a_cameras_orientation_is_applied(tmp_path: Path) -> None:
    path = tmp_path / "phone.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it a quarter turn clockwise
    Image.fromarray(np.array([[10, 20, 30]], np.uint8)).save(path, exif=exif)
    assert picture_size_hw(path) == (3, 1)
    np.testing.assert_array_equal(read_picture(path)[..., 0], [[10], [20], [30]])
    np.testing.assert_array_equal(read_matte(path), [[10], [20], [30]])


def _cut_short(path: Path) -> None:
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:2000])


@pytest.mark.parametrize("read", [read_picture, read_matte])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: None, "cannot be opened (No such file or directory); check the path"),
        (Path.touch, "the file is empty (0 bytes); copy or download it again"),
        (lambda path: path.write_text("no picture"), "is no readable picture; give an intact PNG"),
        (_cut_short, "is no readable picture; give an intact PNG, JPEG, WebP or BMP file"),
    ],
    ids=["missing", "empty", "text", "cut short"],
)
def test_what_is_no_picture_is_refused_in_one_line(
    tmp_path: Path, read: Callable[[Path], object], make: Callable[[Path], object], message: str
) -> None:
    path = tmp_path / "picture.png"
    make(path)
    with pytest.raises(MediaError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


def test_a_picture_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    grey = np.zeros((2, 2), np.uint8)
    with pytest.raises(MediaError, match=r"out\.jpg: pictures are written as PNG; give a name"):
        write_image(tmp_path / "out.jpg", grey)
    with pytest.raises(MediaError, match=r"out\.png: cannot be written \(No such file"):
        write_image(tmp_path / "missing" / "out.png", grey)
    with pytest.raises(ValueError, match=r"not float64 \(2, 2\)"):
        write_image(tmp_path / "out.png", grey.astype(np.float64))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["GIF", "EPS", "TIFF", "PPM"])
def test_another_format_under_the_name_of_a_picture_is_refused(tmp_path: Path, form: str) -> None:
    path = tmp_path / "named.png"
    Image.new("RGB", (4, 3), "red").save(path, format=form)
    for read in (picture_size_hw, read_picture, read_matte):
        with pytest.raises(MediaError, match="give an intact PNG, JPEG, WebP or BMP file"):
            read(path)


def test_of_a_phones_two_pictures_in_one_jpeg_the_first_is_read(tmp_path: Path) -> None:
    path = tmp_path / "two.jpg"
    more = [Image.new("RGB", (8, 6), "blue")]
    Image.new("RGB", (8, 6), "red").save(path, format="MPO", save_all=True, append_images=more)
    assert read_picture(path).shape == (6, 8, 3)
    assert read_picture(path)[0, 0, 0] > 200
