"""Clips that are made once and drawn again and again."""

from pathlib import Path

import pytest
import torch

from pocketmatte.training.kept_videos import KeptVideos
from pocketmatte.training.video import Video
from tiers.errors import MediaError


class Counting:
    """Gives clips of one colour, the darker the higher their number, and counts them."""

    def __init__(self, confidence: bool = False) -> None:
        self.made: list[int] = []
        self._confidence = confidence

    def video(self, index: int) -> Video:
        self.made.append(index)
        frames = torch.full((2, 3, 8, 12), 0.8 - 0.2 * index)
        alphas = torch.zeros(2, 2, 8, 12)
        alphas[:, 0, :, :6], alphas[:, 1, :, :6] = 0.5, 0.3
        sure = torch.full((2, 1, 8, 12), 0.4) if self._confidence else None
        return Video(frames=frames, alphas=alphas, foreground=0.5 * frames, confidence=sure)


def test_every_clip_is_made_once_and_drawn_many_times(tmp_path: Path) -> None:
    source = Counting()
    kept = KeptVideos(source, tmp_path / "clips", 3, seed=0)
    for index in range(40):
        kept.video(index)
    assert sorted(source.made) == [0, 1, 2]
    names = sorted(path.name for path in (tmp_path / "clips").glob("*.npy"))
    assert names == ["000000.npy", "000001.npy", "000002.npy"]


def test_a_clip_comes_back_as_it_was_but_for_light_side_and_eight_bits(tmp_path: Path) -> None:
    source = Counting(confidence=True)
    drawn = KeptVideos(source, tmp_path, 1, seed=0).video(5)
    was = source.video(0)
    light = drawn.frames[0, :, 0, 0] / was.frames[0, :, 0, 0]
    assert (light - 1).abs().max() < 0.7
    torch.testing.assert_close(
        drawn.foreground, (light[:, None, None] * was.foreground), atol=0.01, rtol=0
    )
    alphas = [was.alphas, was.alphas.flip(-1)]
    assert any(torch.allclose(drawn.alphas, each, atol=1 / 255) for each in alphas)
    assert drawn.confidence is not None
    torch.testing.assert_close(drawn.confidence, was.confidence, atol=1 / 255, rtol=0)
    assert KeptVideos(Counting(), tmp_path / "sure", 1, seed=0).video(5).confidence is None


def test_both_sides_and_different_lights_are_drawn(tmp_path: Path) -> None:
    kept = KeptVideos(Counting(), tmp_path, 1, seed=0)
    clips = [kept.video(index) for index in range(12)]
    assert {bool(clip.alphas[0, 0, 0, 0] > 0) for clip in clips} == {True, False}
    assert len({float(clip.frames[0, 0, 0, 0]) for clip in clips}) == 12


def test_the_same_number_gives_the_same_clip_to_every_process(tmp_path: Path) -> None:
    first, second = (KeptVideos(Counting(), tmp_path, 2, seed=4) for _ in range(2))
    assert torch.equal(first.video(9).frames, second.video(9).frames)
    apart = KeptVideos(Counting(), tmp_path / "another", 2, seed=4)
    assert torch.equal(first.video(9).frames, apart.video(9).frames)


@pytest.mark.parametrize("damage", [b"", b"no array", None])
def test_a_damaged_clip_is_told_and_can_be_made_anew(tmp_path: Path, damage: bytes | None) -> None:
    kept = KeptVideos(Counting(), tmp_path, 1, seed=0)
    kept.video(0)
    path = tmp_path / "000000.npy"
    path.write_bytes(path.read_bytes()[:-7] if damage is None else damage)
    with pytest.raises(MediaError, match=r"000000.npy is damaged .*remove it") as caught:
        kept.video(0)
    assert "\n" not in str(caught.value)
    path.unlink()
    kept.video(0)


def test_alphas_never_add_up_to_more_than_one(tmp_path: Path) -> None:
    class Full(Counting):
        def video(self, index: int) -> Video:
            clip = super().video(index)
            clip.alphas[:, 0], clip.alphas[:, 1] = 0.5, 0.5  # both round up
            return clip

    assert KeptVideos(Full(), tmp_path, 1, seed=0).video(0).alphas.sum(1).max() <= 1


def test_no_clip_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 clips are kept; at least 1"):
        KeptVideos(Counting(), tmp_path, 0, seed=0)
