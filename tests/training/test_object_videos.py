import itertools
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pocketmatte.training.object_videos import ObjectVideos
from pocketmatte.training.video import Video
from tiers.errors import MediaError

SIZE_HW = (72, 96)
LENGTH, OBJECTS = 3, 2
INDICES = range(14)


def source(seed: int = 5, pictures: Path | None = None) -> ObjectVideos:
    return ObjectVideos(SIZE_HW, LENGTH, OBJECTS, seed, pictures)


@pytest.fixture(scope="module")
def videos() -> list[Video]:
    made = source()
    return [made.video(index) for index in INDICES]


def test_a_video_has_the_asked_shape_type_and_range(videos: list[Video]) -> None:
    for video in videos:
        assert video.frames.shape == video.foreground.shape == (LENGTH, 3, *SIZE_HW)
        assert video.alphas.shape == (LENGTH, OBJECTS, *SIZE_HW)
        for tensor in (video.frames, video.foreground, video.alphas):
            assert tensor.dtype == torch.float32
            assert tensor.min() >= 0
            assert tensor.max() <= 1


def test_the_same_seed_and_index_give_the_same_bytes_in_any_process(videos: list[Video]) -> None:
    again = pickle.loads(pickle.dumps(source())).video(INDICES[-1])
    for name in ("frames", "alphas", "foreground"):
        assert torch.equal(getattr(again, name), getattr(videos[-1], name))


def test_another_seed_or_index_gives_another_video(videos: list[Video]) -> None:
    assert not torch.equal(source(seed=6).video(0).frames, videos[0].frames)
    for first, second in itertools.combinations(videos, 2):
        assert not torch.equal(first.alphas, second.alphas)


def test_frames_are_the_foreground_over_a_background_in_0_1(videos: list[Video]) -> None:
    for video in videos:
        assert video.alphas.sum(1).max() <= 1 + 1e-6
        rest = video.frames - video.foreground * video.alpha
        assert rest.min() >= -1e-5
        assert (rest - (1 - video.alpha)).max() <= 1e-5
        assert (video.foreground * (video.alpha == 0)).abs().max() == 0


def test_every_object_shows_in_the_first_frame_and_in_most(videos: list[Video]) -> None:
    # Four objects hide one another often: some of these clips were drawn more than once.
    crowds = [ObjectVideos((48, 48), LENGTH, 4, 1).video(index) for index in (0, 12, 22)]
    for video in (*videos, *crowds):
        areas = video.alphas.mean((-2, -1))
        assert areas[0].min() >= 0.005
        assert ((areas >= 0.005).sum(0) >= 2).all()


def test_objects_move_and_are_sometimes_hidden_by_one_another(videos: list[Video]) -> None:
    moving = [video for video in videos if (video.alphas[0] - video.alphas[-1]).abs().max() > 0.5]
    assert len(moving) >= 0.6 * len(videos)
    # Where one object's share is between 0 and 1 and the other has the rest, one hides the other.
    meeting = [
        video
        for video in videos
        if (((video.alphas > 0.02).all(1)) & (video.alphas.sum(1) > 0.98)).sum() > 5
    ]
    assert len(meeting) >= 3


def test_borders_are_soft_in_places_and_most_pixels_are_clear_or_covered(
    videos: list[Video],
) -> None:
    alphas = torch.stack([video.alphas for video in videos])
    soft = ((alphas > 0.02) & (alphas < 0.98)).float().mean()
    assert 0.005 < soft < 0.25


def test_masks_have_one_winner(videos: list[Video]) -> None:
    for video in videos:
        assert video.masks.sum(1).max() <= 1


@pytest.mark.parametrize(("length", "objects"), [(1, 1), (5, 4)])
def test_any_number_of_frames_and_objects_is_drawn(length: int, objects: int) -> None:
    video = ObjectVideos((64, 64), length, objects, 0).video(3)
    assert video.frames.shape == (length, 3, 64, 64)
    assert video.alphas.shape == (length, objects, 64, 64)
    assert torch.isfinite(video.frames).all()


def test_pictures_of_the_user_come_into_it_and_damaged_ones_are_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="the folder holds no pictures"):
        source(pictures=tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    (tmp_path / "below").mkdir()
    Image.fromarray(noise).save(tmp_path / "below" / "noise.png")
    with_noise = source(pictures=tmp_path)
    assert not torch.equal(with_noise.video(0).frames, source().video(0).frames)
    (tmp_path / "below" / "noise.png").write_bytes(b"\x89PNG\r\n broken")
    with pytest.raises(MediaError, match=r"noise\.png: is no readable picture"):
        [source(pictures=tmp_path).video(index) for index in range(8)]


def test_numbers_that_are_too_small_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 frame of 32x32 with 1 object"):
        ObjectVideos((16, 64), 3, 1, 0)
    with pytest.raises(ValueError, match="0 objects"):
        ObjectVideos((64, 64), 3, 0, 0)
