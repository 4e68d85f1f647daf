from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pocketmatte.training.composite_videos import CompositeVideos
from pocketmatte.training.footage import find_backdrops, find_footage, read_footage
from tests.training.drawn_videos import make_video
from tiers.errors import MediaError

SIZE_HW = (40, 48)
CLIP_HW = (64, 96)


def make_foreground(path: Path, count: int = 6, truth: str = "alpha") -> Path:
    """A yellow disc that moves right over grey."""
    y, x = np.mgrid[: CLIP_HW[0], : CLIP_HW[1]]
    for number in range(count):
        alpha = np.clip((20 - np.hypot(x - 40 - 3 * number, y - 32)) / 4 + 0.5, 0, 1)
        colour = np.array((240, 220, 20)) * alpha[..., None] + 128 * (1 - alpha[..., None])
        for folder, array in (("frames", colour), (truth, 255 * alpha)):
            (path / folder).mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(np.rint(array).astype(np.uint8))
            picture.save(path / folder / f"{number:03}.png")
    return path


def make_frames(path: Path, count: int = 5) -> Path:
    path.mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", (80, 60), (50 * number, 90, 30)).save(path / f"{number}.png")
    return path


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    make_foreground(tmp_path / "people" / "disc")
    (tmp_path / "behind").mkdir()
    make_video(tmp_path / "behind" / "bars.mp4")
    make_frames(tmp_path / "behind" / "walk" / "frames")
    Image.new("RGB", (70, 70), (10, 200, 90)).save(tmp_path / "behind" / "wall.jpg")
    return tmp_path / "people", tmp_path / "behind"


def test_composites_have_the_asked_shape_and_keep_the_equation(
    folders: tuple[Path, Path],
) -> None:
    source = CompositeVideos(*folders, SIZE_HW, 3, 2, 0)
    for index in range(6):
        video = source.video(index)
        assert video.frames.shape == (3, 3, *SIZE_HW)
        assert video.alphas.shape == (3, 2, *SIZE_HW)
        assert video.alphas.sum(1).max() <= 1 + 1e-6
        rest = video.frames - video.foreground * video.alpha
        assert rest.min() >= -1e-5
        assert (rest - (1 - video.alpha)).max() <= 1e-5
        assert video.alpha[0].mean() > 0.02


def test_the_same_seed_gives_the_same_bytes(folders: tuple[Path, Path]) -> None:
    first, second = (CompositeVideos(*folders, SIZE_HW, 3, 1, 4) for _ in "ab")
    second.video(1)
    assert torch.equal(first.video(2).frames, second.video(2).frames)
    assert not torch.equal(first.video(3).frames, first.video(2).frames)


def test_footage_is_found_whatever_its_kind(folders: tuple[Path, Path]) -> None:
    found = find_footage(folders[1])
    assert [path.name for path in found] == ["bars.mp4", "frames", "wall.jpg"]


@pytest.mark.parametrize("name", ["bars.mp4", "bars.mkv"])
def test_frames_of_a_video_keep_their_gaps(tmp_path: Path, name: str) -> None:
    path = make_video(tmp_path / name)
    starts = set()
    for seed in range(12):
        frames = read_footage(np.random.default_rng(seed), path, 4, 3, 32)
        assert frames.shape == (4, 32, 48, 3)
        digits = frames[:, 16, 5:48:10, 0] > 128
        numbers = digits @ (1, 2, 4, 8, 16)
        steps = np.diff(numbers)
        assert ((np.abs(steps) >= 1) & (np.abs(steps) <= 3)).all()
        assert (steps > 0).all() or (steps < 0).all()
        starts.add(int(numbers.min()))
    assert len(starts) > 4


def test_a_folder_of_frames_is_read_in_order_and_a_picture_stands_still(
    folders: tuple[Path, Path],
) -> None:
    frames = read_footage(np.random.default_rng(0), folders[1] / "walk" / "frames", 3, 1, 60)
    assert set(np.abs(np.diff(frames[:, 0, 0, 0].astype(int)))) == {50}
    still = read_footage(np.random.default_rng(0), folders[1] / "wall.jpg", 3, 1, 35)
    assert still.shape == (1, 35, 35, 3)


def test_damaged_footage_is_named(folders: tuple[Path, Path]) -> None:
    random = np.random.default_rng(0)
    video = folders[1] / "bars.mp4"
    video.write_bytes(b"no video at all")
    with pytest.raises(MediaError, match=r"bars\.mp4: is no readable video"):
        read_footage(random, video, 3, 1, 32)
    video.write_bytes(b"")
    with pytest.raises(MediaError, match=r"bars\.mp4: the file is empty"):
        read_footage(random, video, 3, 1, 32)
    frames = folders[1] / "walk" / "frames"
    Image.new("RGB", (9, 60)).save(frames / "1.png")
    with pytest.raises(MediaError, match=r"frames: its frames differ in size"):
        read_footage(random, frames, 5, 1, 60)


def test_folders_without_footage_or_alphas_are_refused(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(MediaError, match="no backgrounds; put"):
        CompositeVideos(folders[0], tmp_path / "nowhere", SIZE_HW, 3, 1, 0)
    make_foreground(tmp_path / "masked" / "disc", truth="masks")
    with pytest.raises(MediaError, match=r"masked: no clip has alpha/; only soft mattes can be"):
        CompositeVideos(tmp_path / "masked", folders[1], SIZE_HW, 3, 1, 0)


def test_of_clips_with_masks_and_with_alphas_the_latter_are_composed(
    folders: tuple[Path, Path],
) -> None:
    make_foreground(folders[0] / "masked", truth="masks")
    source = CompositeVideos(*folders, SIZE_HW, 2, 1, 0)
    for index in range(6):
        alpha = source.video(index).alpha
        assert ((alpha > 0.05) & (alpha < 0.95)).any()


def test_backdrops_are_clips_of_frames_and_all_else_by_itself(
    folders: tuple[Path, Path],
) -> None:
    behind = folders[1]
    make_frames(behind / "photos" / "woods", 2)
    make_frames(behind / "walk" / "alpha", 5)  # of the clip's own mattes there is no picture
    make_frames(behind / ".hidden", 1)
    (behind / "photos" / "again").symlink_to(behind)
    found = [path.relative_to(behind).as_posix() for path in find_backdrops(behind)]
    woods = [f"photos/woods/{number}.png" for number in (0, 1)]
    assert found == ["bars.mp4", *woods, "walk/frames", "wall.jpg"]
    assert find_backdrops(behind / "walk") == (behind / "walk" / "frames",)


def test_a_playlist_in_the_guise_of_a_video_is_not_followed(tmp_path: Path) -> None:
    make_video(tmp_path / "other.mp4")
    playlist = tmp_path / "behind.mkv"
    playlist.write_text("ffconcat version 1.0\nfile other.mp4\n")
    with pytest.raises(MediaError, match=r"behind\.mkv: is no readable video"):
        read_footage(np.random.default_rng(0), playlist, 3, 1, 32)
