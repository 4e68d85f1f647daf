from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pocketmatte.clips import open_clip
from tiers.errors import MediaError


def make_clip(path: Path, count: int = 3, truth: str = "alpha") -> Path:
    for index in range(count):
        for folder, picture in (
            ("frames", Image.new("RGB", (6, 4), (index, 255, 0))),
            (truth, Image.new("L", (6, 4), 51 * (index + 1))),
        ):
            (path / folder).mkdir(parents=True, exist_ok=True)
            suffix = "png" if folder == truth else "jpg"
            picture.save(path / folder / f"{index:05}.{suffix}")
    return path


@pytest.mark.parametrize(("truth", "shares"), [("alpha", (0.2, 0.4, 0.6)), ("masks", (1, 1, 1))])
def test_a_clip_gives_frames_with_their_mattes(
    tmp_path: Path, truth: str, shares: tuple[float, ...]
) -> None:
    clip = open_clip(make_clip(tmp_path / "dancer", truth=truth))
    assert (clip.name, len(clip), clip.size_hw) == ("dancer", 3, (4, 6))
    for index, (frame, alpha) in enumerate(clip):
        assert frame.shape == (4, 6, 3)
        assert alpha.shape == (4, 6)
        assert frame.dtype == alpha.dtype == np.float32
        np.testing.assert_allclose(frame[0, 0], (index / 255, 1, 0), atol=0.02)
        np.testing.assert_allclose(alpha, shares[index], rtol=1e-6)
    assert len(list(clip)) == 3
    assert clip.hard == (truth == "masks")


def test_soft_mattes_come_before_hard_masks(tmp_path: Path) -> None:
    make_clip(tmp_path)
    (tmp_path / "masks").mkdir()
    assert open_clip(tmp_path).alphas[0] == tmp_path / "alpha" / "00000.png"


@pytest.mark.parametrize(("limit", "count"), [(1, 1), (2, 2), (9, 3), (None, 3)])
def test_a_limit_takes_the_first_frames(tmp_path: Path, limit: int | None, count: int) -> None:
    clip = open_clip(make_clip(tmp_path), limit)
    assert len(list(clip)) == len(clip) == count
    assert clip.frames[0].name == "00000.jpg"


def refused(path: Path) -> str:
    with pytest.raises(MediaError) as caught:
        open_clip(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_clip_without_mattes_is_refused(tmp_path: Path) -> None:
    make_clip(tmp_path, truth="trimaps")
    message = "the clip has no true mattes; put one a frame into alpha/ or masks/"
    assert refused(tmp_path) == f"{tmp_path}: {message}"


def test_a_clip_without_frames_is_refused(tmp_path: Path) -> None:
    message = "there is no such folder; a clip holds frames/ and alpha/ or masks/"
    assert refused(tmp_path) == f"{tmp_path / 'frames'}: {message}"
    (tmp_path / "frames").mkdir()
    (tmp_path / "alpha").mkdir()
    message = "the folder holds no pictures; put at least one frame into it"
    assert refused(tmp_path) == f"{tmp_path / 'frames'}: {message}"


def test_a_missing_matte_is_refused(tmp_path: Path) -> None:
    make_clip(tmp_path)
    (tmp_path / "alpha" / "00001.png").unlink()
    assert refused(tmp_path) == f"{tmp_path}: 3 frames but 2 true mattes; give one a frame"


def test_a_matte_of_another_number_is_refused(tmp_path: Path) -> None:
    make_clip(tmp_path)
    (tmp_path / "alpha" / "00001.png").rename(tmp_path / "alpha" / "00007.png")
    message = "frame 00001.jpg has no true matte 00001.png; name them alike"
    assert refused(tmp_path) == f"{tmp_path}: {message}"


@pytest.mark.parametrize("changed", ["frames/00002.jpg", "alpha/00001.png"])
def test_a_picture_of_another_size_is_refused(tmp_path: Path, changed: str) -> None:
    make_clip(tmp_path)
    Image.new("L", (6, 5)).save(tmp_path / changed)
    message = "is 6x5 but 00000.jpg is 6x4; give frames and mattes of one size"
    assert refused(tmp_path) == f"{tmp_path / changed}: {message}"


def test_a_limit_below_one_is_a_value_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a clip's limit is at least 1 frame, not 0"):
        open_clip(make_clip(tmp_path), 0)


def test_the_shared_clips_open(shared_dir: Path) -> None:
    clip = open_clip(shared_dir / "data" / "clips" / "alpha_dancer_full_static", 2)
    assert clip.size_hw == (360, 640)
    for frame, alpha in clip:
        assert frame.shape == (360, 640, 3)
        assert 0 < alpha.mean() < 0.5
