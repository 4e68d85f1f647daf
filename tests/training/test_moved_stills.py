import numpy as np
import torch

from pocketmatte.training.moved_stills import moved_still
from pocketmatte.training.object_videos import ObjectVideos
from pocketmatte.training.video import Video

STILL = ObjectVideos((48, 64), 1, 2, 3).video(0)


def test_a_moved_still_has_frames_of_the_same_things_elsewhere() -> None:
    clip = moved_still(STILL, np.random.default_rng(0), 3)
    assert clip.frames.shape == (3, 3, 48, 64)
    assert clip.alphas.shape == (3, 2, 48, 64)
    assert clip.foreground.shape == (3, 3, 48, 64)
    apart = (clip.frames[0] - clip.frames[1]).abs().mean()
    assert apart > 0.01


def test_mattes_move_with_their_pictures() -> None:
    x = torch.linspace(0, 1, 64).expand(48, 64)
    picture = torch.stack([x, x, x])[None]
    still = Video(frames=picture, alphas=picture[:, :1], foreground=picture)
    clip = moved_still(still, np.random.default_rng(1), 4)
    assert torch.equal(clip.frames[:, :1], clip.alphas)
    assert torch.equal(clip.frames, clip.foreground)


def test_maps_are_small_and_centred() -> None:
    alphas = torch.zeros(1, 1, 48, 64)
    alphas[..., 20:28, 28:36] = 1
    still = Video(
        frames=alphas.repeat(1, 3, 1, 1), alphas=alphas, foreground=alphas.repeat(1, 3, 1, 1)
    )
    moved = moved_still(still, np.random.default_rng(2), 200).alphas[:, 0]
    centre = torch.stack(
        [
            (moved * torch.arange(64)).sum((1, 2)) / moved.sum((1, 2)),
            (moved * torch.arange(48)[:, None]).sum((1, 2)) / moved.sum((1, 2)),
        ]
    )
    assert torch.allclose(centre.mean(1), torch.tensor([31.5, 23.5]), atol=0.8)
    assert torch.allclose(centre.std(1), torch.tensor([64 * 0.05, 48 * 0.05]), rtol=0.25)
    assert abs(float(moved.sum((1, 2)).mean()) - 64) < 4


def test_confidence_moves_along() -> None:
    video = Video(
        frames=STILL.frames, alphas=STILL.alphas, foreground=STILL.foreground,
        confidence=STILL.frames[:, :1],
    )  # fmt: skip
    clip = moved_still(video, np.random.default_rng(0), 2)
    assert clip.confidence is not None
    assert torch.equal(clip.confidence, clip.frames[:, :1])
