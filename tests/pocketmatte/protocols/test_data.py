from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from pocketmatte.protocols.data import MOST_OBJECTS, open_labelled, open_stills
from tiers.errors import MediaError

Labels = npt.NDArray[np.uint8]
SIZE_HW = (16, 24)


def save(path: Path, content: npt.NDArray[Any], palette: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(content.astype(np.uint8))
    if palette:
        image = Image.new("P", content.shape[::-1])
        image.putdata(content.ravel().tolist())
        image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0] + [7] * 747)
    image.save(path)
    return path


def labels(*values: int) -> Labels:
    """One value a column of four pixels, the rest 0."""
    made = np.zeros(SIZE_HW, np.uint8)
    for index, value in enumerate(values):
        made[:, 4 * index : 4 * index + 4] = value
    return made


def frame(value: int = 100) -> npt.NDArray[np.uint8]:
    return np.full((*SIZE_HW, 3), value, np.uint8)


def clip(path: Path, *masks: Labels, folder: str = "masks", palette: bool = False) -> Path:
    for index, mask in enumerate(masks):
        save(path / "frames" / f"{index:02}.png", frame(index))
        save(path / folder / f"{index:02}.png", mask, palette)
    return path


@pytest.mark.parametrize("palette", [False, True])
def test_every_value_of_the_first_mask_is_an_object(tmp_path: Path, palette: bool) -> None:
    made = clip(tmp_path / "clip", labels(1, 0, 2), labels(0, 2, 2, 3), palette=palette)
    opened = open_labelled(made)
    assert opened.values == (1, 2)
    assert len(opened) == 2
    (first, masks), (second, later) = list(opened)
    assert (first.max(), second.max()) == (0, np.float32(1 / 255))
    assert masks.shape == (2, *SIZE_HW)
    assert masks[:, 0, ::4].tolist() == [
        [True, False, False, False, False, False],
        [False, False, True, False, False, False],
    ]
    # the third value was not there at first
    assert later[:, 0, ::4].sum(axis=1).tolist() == [0, 2]


def test_white_is_one_object(tmp_path: Path) -> None:
    opened = open_labelled(clip(tmp_path / "clip", labels(255), labels(0, 255)))
    assert opened.values == (255,)
    assert [mask[0, 0, ::4].tolist().index(True) for mask in opened.truths()] == [0, 1]


def test_alpha_is_the_mask_of_one_object_from_a_half_on(tmp_path: Path) -> None:
    opened = open_labelled(clip(tmp_path / "clip", labels(127, 128, 255), folder="alpha"))
    assert [mask[0, 0, ::4].tolist() for mask in opened.truths()] == [
        [False, True, True, False, False, False]
    ]


def test_masks_go_before_alpha(tmp_path: Path) -> None:
    made = clip(tmp_path / "clip", labels(3), folder="masks")
    clip(made, labels(0, 255), folder="alpha")
    assert open_labelled(made).values == (3,)


def test_only_so_many_frames_are_opened(tmp_path: Path) -> None:
    made = clip(tmp_path / "clip", *[labels(1)] * 4)
    assert len(list(open_labelled(made, 2))) == 2


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: save(p / "masks" / "00.png", labels(0)), "00.png: shows no object; a clip "),
        (
            lambda p: save(p / "masks" / "00.png", np.arange(384).reshape(SIZE_HW) % 99),
            "00.png: holds 98 values beside 0 but none above 98; a soft mask shows its object",
        ),
        (
            lambda p: save(p / "masks" / "00.png", frame() * (1, 1, 2)),
            "00.png: is a picture of colours; a mask has one value a pixel, or a palette",
        ),
        (
            lambda p: (p / "masks" / "00.png").write_bytes(b"\x89PNG\r\n"),
            "00.png: is no readable picture",
        ),
        (
            lambda p: (p / "masks" / "01.png").rename(p / "masks" / "07.png"),
            "frame 01.png has no ",
        ),
        (
            lambda p: save(p / "masks" / "01.png", labels(1)[:8]),
            "01.png: is 24x8 but ",
        ),
    ],
)
def test_a_clip_that_has_no_masks_to_follow_is_refused(
    tmp_path: Path, spoil: Callable[[Path], Any], message: str
) -> None:
    made = clip(tmp_path / "clip", labels(1), labels(1))
    spoil(made)
    with pytest.raises(MediaError, match=message):
        open_labelled(made)


def test_an_alpha_that_shows_nothing_at_first_is_refused(tmp_path: Path) -> None:
    made = clip(tmp_path / "clip", labels(90), labels(255), folder="alpha")
    with pytest.raises(MediaError, match=r"00\.png: shows no object"):
        open_labelled(made)


def test_more_objects_than_are_followed_are_refused(tmp_path: Path) -> None:
    many = np.arange(MOST_OBJECTS + 2, dtype=np.uint8)[None].repeat(4, axis=0)
    made = clip(tmp_path / "clip", many, palette=True)
    save(made / "frames" / "00.png", np.zeros((*many.shape, 3), np.uint8))
    with pytest.raises(MediaError, match=r"00\.png: shows 17 objects; at most 16 are followed"):
        open_labelled(made)


def stills(path: Path, sizes: list[tuple[int, int]], truth: str = "mask") -> Path:
    for index, (height, width) in enumerate(sizes):
        mask = np.zeros((height, width), np.uint8)
        mask[: height // 2] = np.linspace(0, 204, width).round()
        save(path / "image" / f"p{index}.jpg", np.full((height, width, 3), 90, np.uint8))
        save(path / truth / f"p{index}.png", mask)
    return path


@pytest.mark.parametrize("truth", ["mask", "alpha"])
def test_pictures_have_sizes_of_their_own(tmp_path: Path, truth: str) -> None:
    opened = open_stills(stills(tmp_path / "set", [(16, 24), (30, 20)], truth))
    assert len(opened) == 2
    (picture, mask), (_, other) = list(opened)
    assert (picture.shape, mask.shape, other.shape) == ((16, 24, 3), (16, 24), (30, 20))
    assert [str(each.dtype) for each in (picture, mask)] == ["float32", "float32"]
    assert mask.max() == pytest.approx(0.8)
    assert opened.sizes_hw == {(16, 24), (30, 20)}


def test_the_frames_of_a_clip_are_pictures_too(tmp_path: Path) -> None:
    opened = open_stills(clip(tmp_path / "clip", labels(255), labels(0)))
    assert [mask.mean() > 0 for _, mask in opened] == [True, False]


def test_only_so_many_pictures_are_opened(tmp_path: Path) -> None:
    assert len(open_stills(stills(tmp_path / "set", [(16, 24)] * 3), 2)) == 2


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda p: (p / "image").rename(p / "other"),
            "set: holds neither image/ with mask/ or alpha/, nor a clip's frames/",
        ),
        (lambda p: (p / "mask").rename(p / "truth"), "set: the pictures have no masks; put one"),
        (lambda p: (p / "mask" / "p1.png").unlink(), r"picture p1\.jpg has no mask p1\.png"),
        (
            lambda p: save(p / "mask" / "p1.png", np.zeros((4, 4), np.uint8)),
            "p1.png: is 4x4 but its picture is 24x16; give both of one size",
        ),
        (
            lambda p: [file.unlink() for file in (p / "image").iterdir()],
            "image: the folder holds no pictures",
        ),
    ],
)
def test_a_folder_without_pictures_and_masks_is_refused(
    tmp_path: Path, spoil: Callable[[Path], Any], message: str
) -> None:
    made = stills(tmp_path / "set", [(16, 24)] * 2)
    spoil(made)
    with pytest.raises(MediaError, match=message):
        open_stills(made)
