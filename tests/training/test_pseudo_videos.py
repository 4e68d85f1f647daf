import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pocketmatte.training.pseudo_videos import PseudoVideos
from pocketmatte.training.stills import (
    Still,
    StillFolder,
    chosen_labels,
    winners,
)
from pocketmatte.training.video import Video
from tiers.errors import MediaError

SIZE_HW = (64, 80)
LENGTH = 3


def disc(radius: float, softness: float) -> np.ndarray:
    y, x = np.mgrid[:120, :140]
    return np.asarray(np.clip((radius - np.hypot(x - 50, y - 60)) / softness + 0.5, 0, 1))


def green_before_magenta() -> Still:
    alpha = disc(35, 10)
    green, magenta = np.array((20, 200, 40)), np.array((220, 30, 210))
    picture = alpha[..., None] * green + (1 - alpha[..., None]) * magenta
    return Still(
        name="green",
        picture=picture.astype(np.uint8),
        matte=np.rint(alpha * 255).astype(np.uint8),
        soft=True,
    )


def red_on_blue() -> Still:
    mask = disc(40, 1e-3) > 0.5
    picture = np.where(mask[..., None], (230, 40, 30), (30, 60, 220)).astype(np.uint8)
    return Still(name="red", picture=picture, matte=mask.astype(np.uint8), soft=False)


def source(*stills: Still, objects: int = 1, seed: int = 3) -> PseudoVideos:
    return PseudoVideos(list(stills), SIZE_HW, LENGTH, objects, seed)


@pytest.fixture(scope="module")
def soft() -> list[Video]:
    made = source(green_before_magenta(), objects=2)
    return [made.video(index) for index in range(8)]


@pytest.fixture(scope="module")
def hard() -> list[Video]:
    made = source(red_on_blue(), objects=2)
    return [made.video(index) for index in range(10)]


def test_shapes_ranges_and_the_equation_hold(soft: list[Video], hard: list[Video]) -> None:
    for video in (*soft, *hard):
        assert video.frames.shape == video.foreground.shape == (LENGTH, 3, *SIZE_HW)
        assert video.alphas.shape == (LENGTH, 2, *SIZE_HW)
        assert video.alphas.sum(1).max() <= 1 + 1e-6
        rest = video.frames - video.foreground * video.alpha
        assert rest.min() >= -1e-5
        assert (rest - (1 - video.alpha)).max() <= 1e-5
        for tensor in (video.frames, video.foreground, video.alphas):
            assert tensor.min() >= 0
            assert tensor.max() <= 1


def test_the_same_seed_gives_the_same_bytes_whatever_came_before(soft: list[Video]) -> None:
    made = source(green_before_magenta(), objects=2)
    again = pickle.loads(pickle.dumps(made)).video(7)
    assert torch.equal(again.frames, soft[7].frames)
    assert torch.equal(again.alphas, soft[7].alphas)
    other = source(green_before_magenta(), objects=2, seed=4).video(7)
    assert not torch.equal(other.frames, soft[7].frames)


def test_soft_mattes_stay_soft_and_hard_masks_hard(soft: list[Video], hard: list[Video]) -> None:
    for video in soft:
        assert ((video.alphas > 0.1) & (video.alphas < 0.9)).any()
    for video in hard:
        assert set(np.unique(video.alphas.numpy())) == {0.0, 1.0}
        covered = (video.alpha == 1).expand_as(video.frames)
        torch.testing.assert_close(video.frames[covered], video.foreground[covered])


def test_foregrounds_take_nothing_of_their_old_background_along() -> None:
    made = source(green_before_magenta())
    for index in range(8):
        video = made.video(index)
        inside = (video.alpha > 0.9).expand_as(video.frames)
        border = ((video.alpha > 0.2) & (video.alpha < 0.8)).expand_as(video.frames)
        if border.sum() < 60:
            continue
        # Channel means of border and inside agree; magenta would move them apart.
        for channel in range(3):
            middle = video.foreground[:, channel][inside[:, channel]].mean()
            edge = video.foreground[:, channel][border[:, channel]].mean()
            assert abs(float(middle - edge)) < 0.08


def test_a_whole_picture_and_its_mask_are_warped_alike(hard: list[Video]) -> None:
    # The picture has two colours only: the mask must part them, however they were changed.
    for video in hard:
        mask = video.alphas.sum(1, keepdim=True) > 0.5
        colour = [
            (video.frames * part).sum((2, 3), keepdim=True) / part.sum((2, 3), keepdim=True)
            for part in (mask, ~mask)
        ]
        near_red, near_blue = (((video.frames - each) ** 2).sum(1, keepdim=True) for each in colour)
        assert ((near_red < near_blue) == mask).float().mean() > 0.9


def test_things_move(soft: list[Video], hard: list[Video]) -> None:
    for videos in (soft, hard):
        changes = [float((each.alphas[0] - each.alphas[-1]).abs().mean()) for each in videos]
        assert np.median(changes) > 0.01


def test_the_first_frame_shows_something(soft: list[Video], hard: list[Video]) -> None:
    for video in (*soft, *hard):
        assert video.alpha[0].mean() > 0.02


def test_masks_with_several_objects_give_several_alphas() -> None:
    matte = np.zeros((90, 120), np.uint8)
    matte[20:70, 10:55], matte[20:70, 65:110] = 3, 7
    picture = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    still = Still(name="two", picture=picture, matte=matte, soft=False)
    video = source(still, objects=3).video(0)
    areas = video.alphas.sum((0, 2, 3))
    assert areas[0] > 0
    assert areas[1] > 0
    assert areas[2] == 0


def test_labels_are_chosen_from_the_first_mask_that_has_some() -> None:
    random = np.random.default_rng(0)
    empty, one, three = (np.zeros((2, 3), np.uint8) for _ in range(3))
    one[0, 0] = 4
    three[0] = (1, 2, 9)
    assert chosen_labels(random, [empty, one, three], 2) == [4]
    assert sorted(chosen_labels(random, [three, one], 5)) == [1, 2, 9]
    assert len(chosen_labels(random, [three], 2)) == 2
    assert chosen_labels(random, [empty], 2) == []
    orders = {tuple(chosen_labels(np.random.default_rng(seed), [three], 2)) for seed in range(30)}
    assert len(orders) == 6


def test_the_largest_share_wins_a_pixel() -> None:
    shares = torch.tensor([[[[0.5, 0.3, 0.2]], [[0.4, 0.3, 0.2]]]])
    expected = torch.tensor([[[[1.0, 0.0, 0.0]], [[0.0, 0.0, 0.0]]]])
    assert torch.equal(winners(shares), expected)


def save(folder: Path, name: str, array: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(folder / name)
    return folder / name


def test_a_folder_gives_pictures_with_their_mattes(tmp_path: Path) -> None:
    still = green_before_magenta()
    save(tmp_path / "image", "a.png", still.picture)
    save(tmp_path / "alpha", "a.png", still.matte)
    stills = StillFolder(tmp_path)
    assert len(stills) == 1
    assert stills[0].soft
    np.testing.assert_array_equal(stills[0].picture, still.picture)
    np.testing.assert_array_equal(stills[0].matte, still.matte)
    video = PseudoVideos(stills, SIZE_HW, 2, 1, 0).video(0)
    assert video.frames.shape == (2, 3, *SIZE_HW)


def test_the_masks_of_a_folder_are_numbers_of_objects(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save(tmp_path / "image", name, np.zeros((2, 2, 3), np.uint8))
    save(tmp_path / "mask", "a.png", np.array(((0, 1), (0, 2)), np.uint8))
    paletted = Image.fromarray(np.array(((0, 1), (2, 255)), np.uint8), "P")
    paletted.putpalette(list(range(256)) * 3)
    paletted.save(tmp_path / "mask" / "b.png")
    stills = StillFolder(tmp_path)
    assert not stills.soft
    assert [stills[number].matte.tolist() for number in (0, 1)] == [
        [[0, 1], [0, 2]],
        [[0, 1], [2, 0]],
    ]


def test_what_a_folder_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"holds no stills; put pictures into image/"):
        StillFolder(tmp_path)
    picture = np.zeros((9, 8, 3), np.uint8)
    save(tmp_path / "image", "a.png", picture)
    save(tmp_path / "mask", "a.png", picture[:, :, 0])
    save(tmp_path / "mask", "b.png", picture[:, :, 0])
    with pytest.raises(MediaError, match=r"b has no partner; give each of image/"):
        StillFolder(tmp_path)
    save(tmp_path / "image", "b.png", picture[:5])
    with pytest.raises(MediaError, match=r"mask/b\.png: is 8x9 but its picture is 8x5"):
        StillFolder(tmp_path)[1]
    save(tmp_path / "image", "b.png", picture)
    (tmp_path / "image" / "a.png").write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"image/a\.png: is no readable picture"):
        [PseudoVideos(StillFolder(tmp_path), SIZE_HW, 2, 1, 0).video(n) for n in range(9)]
    save(tmp_path / "image", "a.png", picture)
    (tmp_path / "mask" / "a.png").write_bytes(b"no mask")
    with pytest.raises(MediaError, match=r"mask/a\.png: is no readable picture"):
        StillFolder(tmp_path)[0]


def test_a_still_whose_matte_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"odd: the picture is"):
        Still(
            name="odd",
            picture=np.zeros((4, 4, 3), np.uint8),
            matte=np.zeros((4, 5), np.uint8),
            soft=True,
        )


def test_no_stills_are_refused() -> None:
    with pytest.raises(ValueError, match="from 0 stills"):
        source()
