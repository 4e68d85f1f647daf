import itertools

import numpy as np
import pytest
import torch

from pocketmatte.training import compositions
from pocketmatte.training.compositions import ClipComposer, Composition

FRAME_HW = (96, 160)
LENGTH = 3
INDICES = range(12)


def _composer(seed: int = 7) -> ClipComposer:
    return ClipComposer(None, frame_hw=FRAME_HW, clip_length=LENGTH, seed=seed)


@pytest.fixture(scope="module")
def clips() -> list[Composition]:
    composer = _composer()
    return [composer.clip(index) for index in INDICES]


def test_a_clip_has_the_asked_shape_type_and_range(clips: list[Composition]) -> None:
    for clip in clips:
        for tensor, channels in ((clip.frames, 3), (clip.alpha, 1), (clip.foreground, 3)):
            assert tensor.shape == (LENGTH, channels, *FRAME_HW)
            assert tensor.dtype == torch.float32
            assert tensor.min() >= 0.0
            assert tensor.max() <= 1.0


def test_the_same_seed_and_index_give_the_same_clip_whatever_came_before(
    clips: list[Composition],
) -> None:
    again = _composer().clip(INDICES[-1])
    assert torch.equal(again.frames, clips[-1].frames)
    assert torch.equal(again.alpha, clips[-1].alpha)
    assert torch.equal(again.foreground, clips[-1].foreground)


def test_another_seed_or_index_gives_another_clip(clips: list[Composition]) -> None:
    other = _composer(seed=8).clip(0)
    assert not torch.equal(other.frames, clips[0].frames)
    for first, second in itertools.combinations(clips, 2):
        assert not torch.equal(first.frames, second.frames)


def test_frames_are_the_foreground_over_a_background_in_0_1(clips: list[Composition]) -> None:
    for clip in clips:
        opaque = (clip.alpha == 1.0).expand_as(clip.frames)
        torch.testing.assert_close(
            clip.frames[opaque], clip.foreground[opaque], atol=1e-5, rtol=0.0
        )
        # What is left of a frame after the foreground is a background under 1 - alpha.
        rest = clip.frames - clip.foreground * clip.alpha
        assert rest.min() >= -1e-5
        assert (rest - (1.0 - clip.alpha)).max() <= 1e-5


def test_foreground_is_black_where_alpha_is_0(clips: list[Composition]) -> None:
    for clip in clips:
        empty = (clip.alpha == 0.0).expand_as(clip.foreground)
        assert clip.foreground[empty].abs().max() == 0.0


def test_most_clips_show_a_foreground_and_most_of_these_move(clips: list[Composition]) -> None:
    shown = [clip for clip in clips if clip.alpha.amax() > 0.9 and clip.alpha.mean() < 0.9]
    assert len(shown) >= 0.7 * len(clips)
    moving = [clip for clip in shown if not torch.equal(clip.alpha[0], clip.alpha[-1])]
    assert len(moving) >= 0.5 * len(shown)


def test_alpha_has_soft_edges_but_is_mostly_0_or_1(clips: list[Composition]) -> None:
    alpha = torch.stack([clip.alpha for clip in clips])
    soft = ((alpha > 0.02) & (alpha < 0.98)).float().mean().item()
    assert 0.0005 < soft < 0.1


def test_the_frame_size_is_checked() -> None:
    with pytest.raises(ValueError, match="at least 16 x 16"):
        ClipComposer(None, frame_hw=(8, 160), clip_length=LENGTH, seed=0)


def test_clips_of_one_frame_are_composed() -> None:
    clip = ClipComposer(None, frame_hw=FRAME_HW, clip_length=1, seed=0).clip(0)
    assert clip.frames.shape == (1, 3, *FRAME_HW)
    assert np.isfinite(clip.frames.numpy()).all()


def test_some_foregrounds_have_the_colours_of_their_background(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def difference(share: float) -> float:
        monkeypatch.setattr(compositions, "_HARMONY_SHARE", share)
        composer, apart = _composer(), []
        for index in INDICES:
            clip = composer.clip(index)
            inside, outside = (
                (clip.frames * weight).sum((0, 2, 3)) / weight.sum().clamp(min=1)
                for weight in (clip.alpha, 1 - clip.alpha)
            )
            apart.append(float((inside - outside).abs().mean()) * bool(clip.alpha.any()))
        return sum(apart)

    # it is 0.60 times as far here
    assert difference(1.0) < 0.8 * difference(0.0)
