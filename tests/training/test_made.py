"""The clips that tasks draw from: self-made ones, and what a user's folder has."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from pocketmatte.training.cache import INDEX_NAME, INDEX_VERSION
from pocketmatte.training.composite_videos import CompositeVideos
from pocketmatte.training.made import Beside, made
from pocketmatte.training.mixtures import Mixture
from pocketmatte.training.pseudo_videos import PseudoVideos
from pocketmatte.training.stages import Stage
from pocketmatte.training.video import VideoSource
from tests.training.drawn_videos import make_video
from tiers.errors import MediaError

STAGE = Stage(
    name="a", steps=1, size_hw=(48, 64), length=2, batch=1, learning_rate=(1e-3, 1e-3),
    distillation=0.0,
)  # fmt: skip
GREEN = (10, 250, 10)


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def disk(size_hw: tuple[int, int]) -> np.ndarray:
    y, x = np.mgrid[: size_hw[0], : size_hw[1]]
    inside = (y - size_hw[0] / 2) ** 2 + (x - size_hw[1] / 2) ** 2 < (min(size_hw) / 3) ** 2
    matte: np.ndarray = (255 * inside).astype(np.uint8)
    return matte


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Return a folder of one still, one clip and one background, all of them green."""
    green = np.full((96, 128, 3), GREEN, dtype=np.uint8)
    save(tmp_path / "stills/image/a.png", green)
    save(tmp_path / "stills/alpha/a.png", disk((96, 128)))
    for number in range(4):
        save(tmp_path / f"clips/one/frames/{number:05}.png", green)
        save(tmp_path / f"clips/one/alpha/{number:05}.png", disk((96, 128)))
    save(tmp_path / "backgrounds/b.png", green)
    return tmp_path


@pytest.mark.parametrize("objects", [1, 2])
def test_without_a_folder_all_clips_are_self_made(objects: int) -> None:
    source = made(STAGE, None, 0, objects)
    assert isinstance(source, Mixture)
    video = source.video(3)
    assert video.frames.shape == (2, 3, 48, 64)
    assert video.alphas.shape == (2, objects, 48, 64)
    assert torch.equal(made(STAGE, None, 0, objects).video(3).frames, video.frames)
    assert not torch.equal(made(STAGE, None, 1, objects).video(3).frames, video.frames)


def test_what_a_folder_has_is_drawn_from(own: Path) -> None:
    def greens(source: Mixture, count: int) -> int:
        """Count the clips that show much of the green that nothing self-made has."""
        clips = [source.video(index).foreground for index in range(count)]
        wanted = [
            (clip[:, 1] - clip[:, 0].maximum(clip[:, 2]) > 0.25).float().mean() for clip in clips
        ]
        return sum(float(share) > 0.02 for share in wanted)

    with_folder, without = made(STAGE, own, 0), made(STAGE, None, 0)
    assert isinstance(with_folder, Mixture)
    assert isinstance(without, Mixture)
    assert {with_folder.chosen(index) for index in range(60)} == {0, 1, 2, 3, 4}
    assert {without.chosen(index) for index in range(60)} == {0, 1}
    assert greens(with_folder, 30) > greens(without, 30) + 3


def sources(folder: Path, objects: int = 1) -> list[VideoSource]:
    source = made(STAGE, folder, 0, objects)
    assert isinstance(source, Mixture)
    return list(source._sources)


@pytest.mark.parametrize("objects", [1, 2])
def test_clips_with_alpha_are_composed_over_backgrounds(own: Path, objects: int) -> None:
    (composed,) = (each for each in sources(own, objects) if isinstance(each, CompositeVideos))
    save(own / "backgrounds/b.png", np.full((96, 128, 3), (250, 10, 10), np.uint8))
    video = composed.video(0)
    assert video.alphas.shape == (2, objects, 48, 64)
    behind = (video.alpha < 0.01).expand_as(video.frames)
    colour = video.frames.transpose(0, 1)[behind.transpose(0, 1)].reshape(3, -1).mean(1)
    assert colour.argmax() == 0  # red, where the clip itself is green throughout


def test_videos_in_backgrounds_are_drawn_from(own: Path) -> None:
    (own / "backgrounds/b.png").unlink()
    make_video(own / "backgrounds/bars.mp4")
    (composed,) = (each for each in sources(own) if isinstance(each, CompositeVideos))
    assert composed.video(0).frames.shape == (2, 3, 48, 64)
    shutil.rmtree(own / "clips")
    with pytest.raises(MediaError, match="backgrounds: the folder holds no pictures"):
        made(STAGE, own, 0)


def test_photographs_of_any_size_below_backgrounds_stand_each_by_itself(own: Path) -> None:
    save(own / "backgrounds/deep/woods/c.png", np.full((50, 70, 3), 90, np.uint8))
    save(own / "backgrounds/deep/woods/d.png", np.full((70, 50, 3), 90, np.uint8))
    (composed,) = (each for each in sources(own) if isinstance(each, CompositeVideos))
    for index in range(6):
        composed.video(index)


def test_a_folder_of_many_stills_is_drawn_from_more(own: Path) -> None:
    def drawn(kind: type, *, things: bool = True) -> int:
        source = made(STAGE, own, 0, things=things)
        assert isinstance(source, Mixture)
        each = (source._sources[source.chosen(index)] for index in range(400))
        return sum(isinstance(one, kind) for one in each)

    few, few_of_people = drawn(PseudoVideos), drawn(PseudoVideos, things=False)
    for number in range(200):
        for part in ("image", "alpha"):
            shutil.copy(own / f"stills/{part}/a.png", own / f"stills/{part}/{number}.png")
    assert drawn(PseudoVideos) > 1.5 * few > 0
    # most of what many stills show is no person
    assert drawn(PseudoVideos, things=False) == few_of_people > 0
    assert drawn(Beside, things=False) > 2 * drawn(Beside)


def test_of_people_there_is_one_beside_whom_the_others_are_nowhere() -> None:
    (people,) = (each for each in made(STAGE, None, 0, 2)._sources if isinstance(each, Beside))  # type: ignore[attr-defined]
    clips = [people.video(index) for index in range(6)]
    assert all(clip.alphas.shape == (2, 2, 48, 64) for clip in clips)
    assert all(not clip.alphas[:, 1].any() for clip in clips)
    assert any(clip.alphas[:, 0].any() for clip in clips)


def test_clips_of_masks_alone_are_not_composed(own: Path) -> None:
    (own / "clips/one/alpha").rename(own / "clips/one/masks")
    assert not any(isinstance(each, CompositeVideos) for each in sources(own))


def test_a_folder_of_nothing_that_can_be_used_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="has none of stills/, clips/ and backgrounds/"):
        made(STAGE, tmp_path, 0)


def test_a_prepared_folder_gives_its_cutouts(tmp_path: Path) -> None:
    index = {"version": INDEX_VERSION, "items": []}
    (tmp_path / INDEX_NAME).write_text(json.dumps(index))
    source = made(STAGE, tmp_path, 0)
    assert isinstance(source, Mixture)
    assert source.video(0).frames.shape == (2, 3, 48, 64)
    save(tmp_path / "backgrounds/b.png", data.astronaut())  # type: ignore[no-untyped-call]
    assert made(STAGE, tmp_path, 0).video(0).frames.shape == (2, 3, 48, 64)
