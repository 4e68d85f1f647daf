"""Masks are read rightly however they are stored, by training and evaluation alike."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from pocketmatte.clips import open_clip
from pocketmatte.label_pictures import MOST_VALUES, are_hard, are_soft, read_alpha, read_labels
from pocketmatte.protocols.data import open_labelled, open_stills
from pocketmatte.training.stills import StillFolder
from tiers.errors import MediaError

UInt8 = npt.NDArray[np.uint8]

DAVIS = (0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0)  # the first colours of its palette
SHOWN = np.array(((False, True), (True, False)))


def coloured(values: UInt8) -> Image.Image:
    """A picture of numbers with the palette of DAVIS."""
    image = Image.fromarray(values).convert("P")
    image.putpalette([*DAVIS, *([224, 224, 192] * 252)])
    return image


def stored(value: int) -> UInt8:
    """``value`` where ``SHOWN``, 16 pixels a side each."""
    return np.where(SHOWN, value, 0).astype(np.uint8).repeat(16, 0).repeat(16, 1)


def soft() -> UInt8:
    """White with a border of 20 greys to its left."""
    ramp = np.linspace(0, 255, 22)[1:-1].round()
    row = np.concatenate([np.zeros(5), ramp, np.full(7, 255)])
    return np.tile(row, (32, 1)).astype(np.uint8)


HARD: dict[str, Callable[[], Image.Image]] = {
    "palette": lambda: coloured(stored(1)),
    "palette of two objects": lambda: coloured(np.tril(stored(1)) + np.triu(stored(2))),
    "palette of greys": lambda: Image.fromarray(stored(255)).convert("P"),
    "bits": lambda: Image.fromarray(stored(255)).convert("1"),
    "0 and 255": lambda: Image.fromarray(stored(255)),
    "0 and 1": lambda: Image.fromarray(stored(1)),
    "0 and 1 in 16 bits": lambda: Image.fromarray(stored(1).astype(np.uint16)),
    "0 and 65535": lambda: Image.fromarray(stored(255).astype(np.uint16) * 257),
    "RGB": lambda: Image.fromarray(stored(255)).convert("RGB"),
    "RGBA": lambda: Image.fromarray(stored(255)).convert("RGBA"),
}


def save(path: Path, image: Image.Image) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


@pytest.mark.parametrize("kind", HARD)
def test_a_hard_mask_is_read_alike_by_all(tmp_path: Path, kind: str) -> None:
    wanted = stored(255) > 0
    frame = Image.new("RGB", (32, 32))
    for pictures, truths in (("image", "mask"), ("frames", "masks")):
        save(tmp_path / pictures / "0.png", frame)
        path = save(tmp_path / truths / "0.png", HARD[kind]())
    np.testing.assert_array_equal(read_labels(path) > 0, wanted)
    np.testing.assert_array_equal(read_alpha(path, hard=True), wanted * np.uint8(255))
    ((_, matte),) = open_clip(tmp_path)
    ((_, mask),) = open_stills(tmp_path)
    (masks,) = open_labelled(tmp_path).truths()
    for truth in (matte, mask, masks.any(axis=0), StillFolder(tmp_path)[0].matte > 0):
        np.testing.assert_array_equal(truth, wanted)


def test_numbers_are_objects_and_255_of_a_palette_is_void(tmp_path: Path) -> None:
    numbers = np.array(((0, 1), (2, 255)), np.uint8)
    palette = save(tmp_path / "palette.png", coloured(numbers))
    assert read_labels(palette).tolist() == [[0, 1], [2, 0]]
    assert read_alpha(palette, hard=True).tolist() == [[0, 255], [255, 0]]
    grey = save(tmp_path / "grey.png", Image.fromarray(numbers))
    assert read_labels(grey).tolist() == [[0, 1], [2, 255]]


def test_void_is_no_object_to_follow(tmp_path: Path) -> None:
    save(tmp_path / "frames" / "0.png", Image.new("RGB", (2, 2)))
    mask = np.array(((0, 1), (2, 255)), np.uint8)
    save(tmp_path / "masks" / "0.png", coloured(mask))
    assert open_labelled(tmp_path).values == (1, 2)


def test_soft_masks_are_no_numbers_of_objects(tmp_path: Path) -> None:
    path = save(tmp_path / "masks" / "soft.png", Image.fromarray(soft()))
    assert len(np.unique(soft())) == 22
    np.testing.assert_array_equal(read_alpha(path, hard=True), soft())
    assert set(np.unique(read_labels(path))) == {0, 255}
    np.testing.assert_array_equal(read_labels(path) == 255, soft() >= 128)


@pytest.mark.parametrize("count", [MOST_VALUES, MOST_VALUES + 1])
def test_so_many_greys_are_objects_and_more_are_not(tmp_path: Path, count: int) -> None:
    values = np.linspace(0, 255, count + 1).round().astype(np.uint8)[None]
    found = read_labels(save(tmp_path / "mask.png", Image.fromarray(values)))
    assert len(np.unique(found)) == (count + 1 if count == MOST_VALUES else 2)


def test_more_numbers_than_greys_may_be_need_a_palette(tmp_path: Path) -> None:
    values = np.arange(21, dtype=np.uint8)[None]
    path = save(tmp_path / "grey.png", Image.fromarray(values))
    for read in (read_labels, lambda path: read_alpha(path, hard=True)):
        with pytest.raises(MediaError, match=r"grey\.png: holds 20 values beside 0 but none above"):
            read(path)
    path = save(tmp_path / "palette.png", coloured(values))
    np.testing.assert_array_equal(read_labels(path), values)


def clip_of_soft_masks(path: Path) -> list[UInt8]:
    """Frames whose masks have many greys, eight, many of which none is half, and none."""
    row = soft()[:1].astype(float)
    planes = [
        soft(),
        np.tile(np.linspace(40, 250, 8).round(), (32, 4)).astype(np.uint8),
        np.tile((row / 3).round(), (32, 1)).astype(np.uint8),
        np.zeros((32, 32), np.uint8),
    ]
    for number, plane in enumerate(planes):
        save(path / "frames" / f"{number}.png", Image.new("RGB", (32, 32)))
        save(path / "masks" / f"{number}.png", Image.fromarray(plane))
    return planes


def test_the_first_mask_of_a_clip_tells_what_all_of_them_are(tmp_path: Path) -> None:
    planes = clip_of_soft_masks(tmp_path)
    held = open_labelled(tmp_path)
    assert held.values == (255,)
    for masks, plane in zip(held.truths(), planes, strict=True):
        np.testing.assert_array_equal(masks[0], plane >= 128)
    clip = open_clip(tmp_path)
    assert not clip.hard
    for (_, matte), plane in zip(clip, planes, strict=True):
        np.testing.assert_array_equal(matte, plane / np.float32(255))


def test_masks_before_the_first_that_shows_anything_tell_nothing(tmp_path: Path) -> None:
    nothing = save(tmp_path / "0.png", Image.fromarray(stored(0)))
    first = save(tmp_path / "1.png", Image.fromarray(soft()))
    numbers = save(tmp_path / "2.png", Image.fromarray(stored(1)))
    assert are_soft([nothing, first, numbers])
    assert not are_soft([nothing, numbers, first])
    assert not are_soft([nothing])


@pytest.mark.parametrize("values", [(0, 1), (0, 3, 90), (0, 128, 255)])
def test_a_matte_of_few_greys_stays_as_it_is(tmp_path: Path, values: tuple[int, ...]) -> None:
    matte = np.array([values], np.uint8)
    files = [
        save(tmp_path / "alpha" / "0.png", Image.fromarray(matte)),
        save(tmp_path / "alpha" / "1.png", Image.fromarray(soft())),
    ]
    assert not are_hard(files)
    np.testing.assert_array_equal(read_alpha(files[0], hard=False), matte)


def test_a_folder_of_mattes_of_zeros_and_ones_holds_masks(tmp_path: Path) -> None:
    nothing = [
        save(tmp_path / "alpha" / f"{k:02}.png", Image.fromarray(stored(0))) for k in range(40)
    ]
    assert not are_hard(nothing)
    save(nothing[34], Image.fromarray(stored(1)))
    assert are_hard(nothing)
    for name in ("frames", "image"):
        for path in nothing:
            save(tmp_path / name / path.name, Image.new("RGB", (32, 32)))
    *_, (_, matte) = open_clip(tmp_path, 35)
    np.testing.assert_array_equal(matte, stored(1))
    assert not StillFolder(tmp_path).soft
    (*_, (_, truth)) = open_stills(tmp_path, 35)
    assert truth.max() == 1


def test_numbers_of_a_palette_among_mattes_are_whole(tmp_path: Path) -> None:
    path = save(tmp_path / "alpha" / "0.png", coloured(stored(2)))
    np.testing.assert_array_equal(read_alpha(path, hard=False), stored(255))


def test_a_mask_lies_as_its_picture_is_turned(tmp_path: Path) -> None:
    image = coloured(stored(1)[:16])
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.png", exif=exif)
    assert read_labels(tmp_path / "turned.png").shape == (32, 16)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "mask.png: the file is empty"),
        (b"\x89PNG\r\n", "mask.png: is no readable picture"),
        (None, "mask.png: cannot be opened"),
    ],
)
def test_what_is_no_mask_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "mask.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MediaError, match=message):
        read_labels(path)


@pytest.mark.parametrize("form", ["GIF", "TIFF"])
def test_another_format_under_the_name_of_a_picture_is_refused(tmp_path: Path, form: str) -> None:
    path = tmp_path / "mask.png"
    coloured(stored(1)).save(path, format=form)
    with pytest.raises(MediaError, match=r"mask\.png: is no readable picture"):
        read_labels(path)


def test_a_picture_of_colours_is_no_mask(tmp_path: Path) -> None:
    path = save(tmp_path / "mask.png", Image.new("RGB", (2, 2), (255, 0, 0)))
    with pytest.raises(MediaError, match=r"mask\.png: is a picture of colours; a mask has one"):
        read_labels(path)
