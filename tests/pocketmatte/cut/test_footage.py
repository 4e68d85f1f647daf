from pathlib import Path

import numpy as np
import pytest

from pocketmatte.cut.footage import Footage, counted, shrunk
from pocketmatte.cut.work import Work
from pocketmatte.media import open_frames
from tests.pocketmatte.cut.made import HW, Clip
from tiers.errors import MediaError

SMALL_HW = (56, 96)


def footage_of(clip: Clip, path: Path, templates: set[int]) -> Footage:
    path.mkdir()
    source = open_frames(clip.folder(path / "clip"))
    work = Work(path, resumed=False)
    return counted(source, work, templates, SMALL_HW, lambda: None)


def test_frames_are_the_same_whether_they_were_kept_or_not(nine: Clip, tmp_path: Path) -> None:
    kept = footage_of(nine, tmp_path / "kept", {8})
    bare = footage_of(nine, tmp_path / "bare", {0})
    some = footage_of(nine, tmp_path / "some", {4})
    wanted = [shrunk(frame, SMALL_HW) for frame in nine.frames]
    for start in (0, 3, 8):
        for footage in (kept, bare, some):
            found = list(footage.small(range(start, 9), SMALL_HW))
            assert len(found) == 9 - start
            for one, other in zip(found, wanted[start:], strict=True):
                assert np.array_equal(one, other)
    backwards = list(kept.small(range(7, -1, -1), SMALL_HW))
    assert all(np.array_equal(*pair) for pair in zip(backwards, wanted[7::-1], strict=True))
    other_hw = list(kept.small(range(2, 4), HW))
    assert all(np.array_equal(*pair) for pair in zip(other_hw, nine.frames[2:4], strict=True))


def test_pictures_before_the_first_that_is_wanted_are_not_read(nine: Clip, tmp_path: Path) -> None:
    footage = footage_of(nine, tmp_path / "work", {0})
    for number in range(5):
        (tmp_path / "work" / "clip" / f"{number:03}.png").write_bytes(b"")
    found = list(footage.pictures(5))
    assert all(np.array_equal(*pair) for pair in zip(found, nine.frames[5:], strict=True))
    assert list(footage.pictures(9)) == []
    with pytest.raises(MediaError, match=r"004\.png"):
        list(footage.pictures(4))


def test_a_folder_that_lost_pictures_is_told(nine: Clip, tmp_path: Path) -> None:
    footage = footage_of(nine, tmp_path / "work", {0})
    fewer = Footage(
        open_frames(nine.folder(tmp_path / "again")),
        footage.count + 2,
        Work(tmp_path / "work", resumed=False).store("frames", (*SMALL_HW, 3)),
        tmp_path / "work" / "templates",
    )
    with pytest.raises(MediaError, match="had 11 frames and now 9: it changed meanwhile"):
        list(fewer.pictures(4))
