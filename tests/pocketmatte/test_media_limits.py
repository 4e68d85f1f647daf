"""Frames too large for memory are not decoded, whatever a file of a few bytes claims."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pocketmatte.media import open_frames
from tests.pocketmatte.cut.made import write_video
from tiers.errors import MediaError


def test_frames_too_large_for_memory_are_refused_before_one_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "claims.gif"
    Image.new("P", (64, 48)).save(path)
    data = bytearray(path.read_bytes())
    data[6:10] = (15_000).to_bytes(2, "little") * 2  # its screen
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"frames are 15000x15000, and 178956970 pixels are the"):
        open_frames(path)
    write_video(tmp_path / "small.mp4", [np.zeros((48, 64, 3), np.uint8)])
    open_frames(tmp_path / "small.mp4")
    monkeypatch.setattr("pocketmatte.media._MOST_PIXELS", 64 * 48 - 1)
    with pytest.raises(MediaError, match=r"frames are 64x48, and 3071 pixels are the most"):
        open_frames(tmp_path / "small.mp4")


def test_frames_that_grow_too_large_on_the_way_are_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, large = tmp_path / "small.ts", tmp_path / "large.ts"
    write_video(small, [np.zeros((48, 64, 3), np.uint8)] * 3)
    write_video(large, [np.zeros((480, 640, 3), np.uint8)] * 3)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    with pytest.raises(MediaError, match=r"frame 3 is 640x480 but frame 0 is 64x48"):
        list(open_frames(joined))
    monkeypatch.setattr("pocketmatte.media._MOST_PIXELS", 20_000)
    source = open_frames(joined)
    assert {frame.shape for frame in source} == {(48, 64, 3)}
    assert source.truncated
