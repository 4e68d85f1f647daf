import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pocketmatte.label_pictures import read_labels
from pocketmatte.pictures import over_black
from pocketmatte.training import folder_videos, labels
from pocketmatte.training.clip_reading import taken_apart
from pocketmatte.training.clip_runs import clip_numbers, runs_of
from pocketmatte.training.folder_videos import FolderVideos
from pocketmatte.training.windows import (
    Crop,
    check_gaps,
    frame_numbers,
    largest_gap,
    random_crop,
)
from tiers.errors import MediaError

CLIP_HW = (60, 90)
SIZE_HW = (40, 48)


def make_clip(
    path: Path, count: int = 12, truth: str = "alpha", *, colours: bool = False, labels: int = 1
) -> Path:
    """A disc or, of masks, bars that move right over a noisy background."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (*CLIP_HW, 3), dtype=np.uint8)
    for folder in ("frames", truth, *(["fgr"] if colours else [])):
        (path / folder).mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[: CLIP_HW[0], : CLIP_HW[1]]
    colour = np.broadcast_to(np.array((240, 200, 20), np.uint8), noise.shape)
    for number in range(count):
        alpha = np.clip((14 - np.hypot(x - 30 - 2 * number, y - 30)) / 6 + 0.5, 0, 1)
        if truth == "masks":
            matte = np.zeros(CLIP_HW, np.uint8)
            for label in range(1, labels + 1):
                matte[10:50, 20 * label + number : 20 * label + number + 12] = label
            alpha = (matte > 0).astype(float)
            image = Image.fromarray(matte, "P") if labels > 1 else Image.fromarray(255 * matte)
            if labels > 1:
                image.putpalette(list(range(12)))
        else:
            image = Image.fromarray(np.rint(255 * alpha).astype(np.uint8))
        image.save(path / truth / f"{number:03}.png")
        frame = colour * alpha[..., None] + noise * (1 - alpha[..., None])
        Image.fromarray(np.rint(frame).astype(np.uint8)).save(path / "frames" / f"{number:03}.png")
        if colours:
            straight = np.where(alpha[..., None] > 0, colour, 0).astype(np.uint8)
            Image.fromarray(straight).save(path / "fgr" / f"{number:03}.png")
    return path


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 8), st.integers(1, 25))
def test_windows_keep_their_gaps(seed: int, available: int, length: int, gap: int) -> None:
    numbers = frame_numbers(np.random.default_rng(seed), available, length, gap)
    assert numbers.shape == (length,)
    assert numbers.min() >= 0
    assert numbers.max() < available
    steps = np.diff(numbers)
    if available >= length:
        assert ((np.abs(steps) >= 1) & (np.abs(steps) <= gap)).all()
        assert (steps > 0).all() or (steps < 0).all()
    else:
        assert (np.abs(steps) <= 1).all()


def test_every_gap_and_every_start_occurs_forwards_and_backwards() -> None:
    drawn = [frame_numbers(np.random.default_rng(seed), 20, 3, 4) for seed in range(300)]
    assert {int(step) for numbers in drawn for step in np.diff(numbers)} == {
        *range(-4, 0),
        *range(1, 5),
    }
    assert {int(numbers.min()) for numbers in drawn} == set(range(18))


def test_a_clip_too_short_runs_to_and_fro() -> None:
    runs = {tuple(frame_numbers(np.random.default_rng(s), 3, 6, 5).tolist()) for s in range(60)}
    assert (0, 1, 2, 1, 0, 1) in runs
    assert (2, 1, 0, 1, 2, 1) in runs
    assert {tuple(frame_numbers(np.random.default_rng(s), 1, 3, 5)) for s in range(5)} == {
        (0, 0, 0)
    }


def test_the_largest_gap_follows_its_schedule() -> None:
    gaps = ((0, 10), (100, 15), (200, 5))
    found = [largest_gap(gaps, index) for index in (0, 99, 100, 199, 200, 10**6)]
    assert found == [10, 10, 15, 15, 5, 5]


@pytest.mark.parametrize("gaps", [(), ((1, 5),), ((0, 5), (0, 6)), ((0, 5), (9, 0))])
def test_a_schedule_without_sense_is_refused(gaps: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match="gaps are"):
        check_gaps(gaps)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_crops_lie_in_the_picture_and_hold_some_of_the_object(seed: int, wide: bool) -> None:
    random = np.random.default_rng(seed)
    picture_hw = (60, 200) if wide else (150, 40)
    cover = np.zeros(picture_hw, np.uint8)
    row, column = random.integers(0, picture_hw[0] - 8), random.integers(0, picture_hw[1] - 8)
    cover[row : row + 8, column : column + 8] = 255
    crop = random_crop(random, picture_hw, SIZE_HW, cover)
    left, top, right, bottom = crop.box
    assert 0 <= left < right <= picture_hw[1] + 1e-6
    assert 0 <= top < bottom <= picture_hw[0] + 1e-6
    assert crop.of(cover).shape == SIZE_HW
    assert crop.of(np.zeros((*picture_hw, 3), np.uint8)).shape == (*SIZE_HW, 3)


def test_crops_nearly_always_show_the_object() -> None:
    cover = np.zeros((100, 300), np.uint8)
    cover[10:20, 250:262] = 255
    crops = [random_crop(np.random.default_rng(s), (100, 300), SIZE_HW, cover) for s in range(60)]
    assert sum(crop.of(cover).max() > 100 for crop in crops) >= 57


def test_a_crop_of_the_whole_is_the_picture_or_its_mirror_image() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*SIZE_HW, 3), dtype=np.uint8)
    box = (0.0, 0.0, float(SIZE_HW[1]), float(SIZE_HW[0]))
    for mirrored in (False, True):
        crop = Crop(box=box, size_hw=SIZE_HW, mirrored=mirrored)
        np.testing.assert_array_equal(crop.of(picture), picture[:, ::-1] if mirrored else picture)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_frame_taken_apart_composes_again(seed: int) -> None:
    random = np.random.default_rng(seed)
    frame, lent = random.integers(0, 256, (2, 6, 7, 3), dtype=np.uint8)
    alpha = random.choice(np.array((0, 1, 40, 200, 254, 255), np.uint8), (6, 7))
    foreground, background = taken_apart(frame, alpha, lent)
    share = alpha[..., None] / 255
    again = foreground * share + background * (1 - share)
    assert np.abs(again - frame).max() <= 1.0
    assert (foreground[alpha == 0] == 0).all()


def test_the_colours_of_an_exact_composite_are_found_again() -> None:
    random = np.random.default_rng(1)
    colour, behind = random.integers(0, 256, (2, 6, 7, 3), dtype=np.uint8)
    alpha = random.integers(60, 200, (6, 7), dtype=np.uint8)
    share = alpha[..., None] / 255
    frame = np.rint(colour * share + behind * (1 - share)).astype(np.uint8)
    lent = over_black(np.dstack((colour, alpha)))
    foreground, background = taken_apart(frame, alpha, lent)
    assert np.abs(foreground.astype(int) - colour).max() <= 3
    assert np.abs(background.astype(int) - behind).max() <= 6


@pytest.mark.parametrize("colours", [False, True])
def test_clips_with_alphas_keep_the_equation(tmp_path: Path, colours: bool) -> None:
    make_clip(tmp_path / "disc", colours=colours)
    source = FolderVideos(tmp_path, SIZE_HW, 3, 2, 0)
    for index in range(4):
        video = source.video(index)
        assert video.frames.shape == (3, 3, *SIZE_HW)
        assert video.alphas.shape == (3, 2, *SIZE_HW)
        rest = video.frames - video.foreground * video.alpha
        assert rest.min() >= -1e-5
        assert (rest - (1 - video.alpha)).max() <= 1e-5
        areas = video.alphas.sum((0, 2, 3))
        assert sorted(area > 0 for area in areas.tolist()) == [False, True]
        # The disc is of one colour, its border too.
        solid = (video.alpha > 0.3).expand_as(video.foreground)
        assert video.foreground[:, 0][solid[:, 0]].std() < 0.12


def test_clips_with_masks_show_as_many_objects_as_there_are_labels(tmp_path: Path) -> None:
    make_clip(tmp_path / "bars", truth="masks", labels=3)
    source = FolderVideos(tmp_path / "bars", SIZE_HW, 3, 2, 0)
    seen = 0
    for index in range(6):
        video = source.video(index)
        assert set(np.unique(video.alphas.numpy())) <= {0.0, 1.0}
        assert video.alphas.sum(1).max() <= 1
        covered = (video.alpha == 1).expand_as(video.frames)
        torch.testing.assert_close(video.frames[covered], video.foreground[covered])
        seen += int((video.alphas.sum((0, 2, 3)) > 0).sum())
    assert seen >= 9


def test_soft_masks_are_objects_from_a_half_on_in_every_frame(tmp_path: Path) -> None:
    whole, few = (make_clip(tmp_path / name, count=6) for name in ("whole", "few"))
    for clip in (whole, few):
        (clip / "alpha").rename(clip / "masks")
    for path in sorted((few / "masks").iterdir())[1:]:
        values = np.asarray(Image.open(path))
        assert len(np.unique(values)) > 17
        # few greys, of which those below a half are below it still
        Image.fromarray((values // 32 * 32 + 8).astype(np.uint8)).save(path)
    for index in range(4):
        videos = [FolderVideos(clip, SIZE_HW, 3, 2, 0).video(index) for clip in (whole, few)]
        assert videos[0].alphas.sum((1, 2, 3)).min() > 0
        assert torch.equal(*(video.alphas for video in videos))


def test_the_same_seed_gives_the_same_bytes_and_another_index_others(tmp_path: Path) -> None:
    make_clip(tmp_path / "disc")
    first, second = (FolderVideos(tmp_path, SIZE_HW, 3, 1, 8) for _ in "ab")
    second.video(0)
    assert torch.equal(first.video(3).frames, second.video(3).frames)
    assert not torch.equal(first.video(3).frames, first.video(4).frames)


def test_gaps_grow_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_clip(tmp_path / "bars", count=40, truth="masks")
    read: list[int] = []

    def spy(path: Path, *, soft: bool) -> np.ndarray:
        read.append(int(path.stem))
        return read_labels(path, soft=soft)

    monkeypatch.setattr(folder_videos, "read_labels", spy)
    source = FolderVideos(tmp_path, SIZE_HW, 3, 1, 0, gaps=((0, 1), (20, 9)))
    steps = []
    for index in range(40):
        read.clear()
        source.video(index)
        steps.append(np.abs(np.diff(read)))
    assert (np.concatenate(steps[:20]) == 1).all()
    late = np.concatenate(steps[20:])
    assert late.min() >= 1
    assert 7 <= late.max() <= 9


def label_runs(clip: Path, runs: object, form: str = labels.FORMAT) -> None:
    (clip / labels.FILE_NAME).write_text(json.dumps({"format": form, "runs": runs}))


@pytest.mark.parametrize("length", [1, 3])
def test_windows_do_not_reach_over_frames_that_a_label_left_out(
    tmp_path: Path, length: int
) -> None:
    clip = make_clip(tmp_path / "bars", count=14, truth="masks")
    for folder in ("frames", "masks"):
        for number in (4, 5, 9):
            (clip / folder / f"{number:03}.png").unlink()
    runs = [[0, 3], [6, 8], [10, 13]]
    label_runs(clip, runs)
    places = [range(4), range(4, 7), range(7, 11)]
    drawn = [clip_numbers(np.random.default_rng(s), clip, length, 9) for s in range(80)]
    owners = {tuple(place in run for run in places) for numbers in drawn for place in numbers}
    assert len(owners) == 3
    for numbers in drawn:
        assert len({tuple(place in run for run in places) for place in numbers}) == 1


def test_runs_that_are_too_short_are_taken_where_there_are_no_others(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "bars", count=5, truth="masks")
    label_runs(clip, [[0, 0], [1, 4]])
    drawn = [clip_numbers(np.random.default_rng(s), clip, 3, 1) for s in range(40)]
    assert {place for numbers in drawn for place in numbers} == {1, 2, 3, 4}
    drawn = [clip_numbers(np.random.default_rng(s), clip, 6, 1) for s in range(40)]
    assert [0] * 6 in drawn
    assert FolderVideos(clip, SIZE_HW, 6, 1, 0).video(0).frames.shape == (6, 3, *SIZE_HW)


@pytest.mark.parametrize("runs", [[], [[0, 2]], [[1, 4]], 7, [[0]], [["a", "b"]]])
def test_labels_that_are_not_of_a_clips_frames_are_told(tmp_path: Path, runs: object) -> None:
    clip = make_clip(tmp_path / "bars", count=4, truth="masks")
    label_runs(clip, runs)
    with pytest.raises(MediaError, match=r"labels\.json: its runs are not of the frames"):
        FolderVideos(clip, SIZE_HW, 2, 1, 0).video(0)


def test_a_file_of_that_name_by_another_program_means_nothing(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "bars", count=4, truth="masks")
    label_runs(clip, [[0, 1]], form="other")
    assert runs_of(clip) == (range(4),)
    runs_of.cache_clear()
    (clip / labels.FILE_NAME).write_text("{")
    assert runs_of(clip) == (range(4),)


def test_damaged_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no clips; put folders into it"):
        FolderVideos(tmp_path, SIZE_HW, 3, 1, 0)
    broken = make_clip(tmp_path / "broken", count=3, colours=True)
    (broken / "fgr" / "001.png").unlink()
    with pytest.raises(MediaError, match=r"fgr: there is no foreground 001; give one a frame"):
        FolderVideos(tmp_path, SIZE_HW, 3, 1, 0).video(0)
    Image.new("RGB", (9, 9)).save(broken / "fgr" / "001.png")
    with pytest.raises(MediaError, match=r"fgr/001\.png: is 9x9 but its frame is 90x60"):
        FolderVideos(tmp_path, SIZE_HW, 3, 1, 0).video(0)
    Image.new("RGB", CLIP_HW[::-1]).save(broken / "fgr" / "001.png")
    whole = (broken / "frames" / "002.png").read_bytes()
    (broken / "frames" / "002.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError, match=r"frames/002\.png: is no readable picture"):
        FolderVideos(tmp_path, SIZE_HW, 3, 1, 1, gaps=((0, 1),)).video(0)


def test_numbers_that_are_too_small_are_refused(tmp_path: Path) -> None:
    make_clip(tmp_path / "disc", count=1)
    with pytest.raises(ValueError, match="at least 1 frame of 32x32"):
        FolderVideos(tmp_path, (20, 48), 3, 1, 0)
