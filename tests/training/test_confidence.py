"""How far mattes are to be believed: read beside them, and heeded by losses."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from pocketmatte.training.clip_reading import find_clips
from pocketmatte.training.folder_videos import FolderVideos
from pocketmatte.training.task import Task
from pocketmatte.training.tasks.foreground import ForegroundTask
from pocketmatte.training.tasks.fusion import FusionTask
from pocketmatte.training.tasks.propagation import PropagationTask
from pocketmatte.training.tasks.rvm import RvmTask
from pocketmatte.training.tasks.scribble import ScribbleTask
from pocketmatte.training.video import Video, confidence_of
from tiers.errors import MediaError
from tiers.ladder import tier

CLIP_HW, SIZE_HW = (60, 90), (40, 48)
N, H, W = 2, 16, 24


def make_clip(path: Path, truth: str, *, confident: bool = True) -> Path:
    """A disc that moves right, as sure as it is opaque."""
    y, x = np.mgrid[: CLIP_HW[0], : CLIP_HW[1]]
    for number in range(5):
        disc = np.clip((14 - np.hypot(x - 30 - 4 * number, y - 30)) / 6 + 0.5, 0, 1)
        plane = np.rint(255 * disc).astype(np.uint8)
        hard = np.where(plane > 127, 255, 0).astype(np.uint8)
        pictures = {"frames": np.dstack([plane] * 3), truth: plane if truth == "alpha" else hard}
        if confident:
            pictures["confidence"] = pictures[truth]
        for name, picture in pictures.items():
            (path / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path / name / f"{number}.png")
    return path


@pytest.mark.parametrize("truth", ["alpha", "masks"])
def test_confidence_is_cropped_as_the_matte_it_is_of(tmp_path: Path, truth: str) -> None:
    source = FolderVideos(make_clip(tmp_path / "disc", truth), SIZE_HW, 3, 2, 0)
    for index in range(6):
        video = source.video(index)
        assert video.confidence is not None
        assert video.confidence.shape == (3, 1, *SIZE_HW)
        # masks are decided anew after they are resized; elsewhere both are the same picture
        found = video.confidence if truth == "alpha" else (video.confidence > 0.5).float()
        torch.testing.assert_close(found, video.alpha, atol=1e-6, rtol=0)
        assert confidence_of(video) is video.confidence
    assert video.alpha.max() == 1


def test_without_it_nothing_is_in_doubt(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "disc", "alpha", confident=False)
    video = FolderVideos(clip, SIZE_HW, 3, 2, 0).video(0)
    assert video.confidence is None
    assert torch.equal(confidence_of(video), torch.ones(3, 1, *SIZE_HW))


def test_confidence_that_is_missing_or_of_another_size_is_named(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "disc", "alpha")
    for number in range(5):
        Image.new("L", (9, 8)).save(clip / "confidence" / f"{number}.png")
    with pytest.raises(MediaError, match=r"confidence/\d\.png: is 9x8 but its frame is 90x60"):
        FolderVideos(clip, SIZE_HW, 3, 1, 0).video(0)
    for path in (clip / "confidence").iterdir():
        path.unlink()
    with pytest.raises(MediaError, match=r"confidence: there is none of frame \d; give one a fra"):
        FolderVideos(clip, SIZE_HW, 3, 1, 0).video(0)


def test_a_clip_that_is_being_written_is_no_clip(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "disc", "alpha")
    make_clip(tmp_path / ".walk.partial", "alpha")
    assert find_clips(tmp_path) == (whole,)


def predictions(seed: int) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(seed)
    return {
        "mask": torch.randn(N, 1, H, W, generator=random).requires_grad_(),
        "coarse": torch.randn(N, 1, H // 2, W // 2, generator=random).requires_grad_(),
    }


def batch(confidence: Tensor) -> dict[str, Tensor]:
    mask = torch.zeros(N, 1, H, W)
    mask[..., 4:12, 6:18] = 1
    return {"mask": mask, "confidence": confidence}


def gradients(task: Task, confidence: Tensor, progress: float) -> dict[str, Tensor]:
    predicted = predictions(0)
    torch.stack(list(task.losses(predicted, batch(confidence), progress).values())).sum().backward()  # type: ignore[no-untyped-call]
    return {name: p.grad for name, p in predicted.items() if p.grad is not None}


TASKS: tuple[Callable[[], Task], ...] = (ForegroundTask, ScribbleTask, FusionTask)
OF_PICTURES = TASKS[:2]
OF_CLIPS: tuple[Callable[[], Task], ...] = (RvmTask, PropagationTask)


@pytest.mark.parametrize("progress", [0.0, 1.0])
@pytest.mark.parametrize("task", TASKS)
def test_what_is_in_doubt_teaches_nothing_and_the_rest_does(
    task: Callable[[], Task], progress: float
) -> None:
    sure = torch.ones(N, 1, H, W)
    sure[..., : W // 2] = 0
    for gradient in gradients(task(), sure, progress).values():
        half = gradient.shape[-1] // 2
        assert (gradient[..., :half] == 0).all()
        assert (gradient[..., half:] != 0).float().mean() > 0.2  # of the hardest, few


@pytest.mark.parametrize("task", TASKS)
def test_half_the_confidence_teaches_less_and_none_nothing(task: Callable[[], Task]) -> None:
    ones = torch.ones(N, 1, H, W)
    sizes = [
        sum(float(g.abs().sum()) for g in gradients(task(), level * ones, 0.0).values())
        for level in (0.0, 0.5, 1.0)
    ]
    assert sizes[0] == 0
    assert 0.3 * sizes[2] < sizes[1] < 0.7 * sizes[2]


@pytest.mark.parametrize("task", OF_PICTURES)
def test_samples_carry_the_confidence_of_their_frame(task: Callable[[], Task]) -> None:
    alphas = torch.zeros(1, 1, 48, 64)
    alphas[..., 10:30, 20:44] = 1
    held = {"frames": torch.rand(1, 3, 48, 64), "alphas": alphas}
    doubt = torch.rand(1, 1, 48, 64)
    for confidence, wanted in ((doubt, doubt[0]), (None, torch.ones(1, 48, 64))):
        video = Video(foreground=held["frames"] * alphas, confidence=confidence, **held)
        sample = task().sample(video, np.random.default_rng(0), 0.0)
        assert torch.equal(sample["confidence"], wanted)


def two_disks(doubt: Tensor | None) -> Video:
    """Two that move right, one below the other; frame n is of brightness n / 10."""
    y, x = torch.arange(64).view(-1, 1), torch.arange(80).view(1, -1)
    planes = [
        [((y - 16 - 30 * k) ** 2 + (x - 30 - 2 * t) ** 2 < 144).float() for k in range(2)]
        for t in range(3)
    ]
    alphas = torch.stack([torch.stack(pair) for pair in planes])
    frames = (torch.arange(3) / 10).view(-1, 1, 1, 1).expand(-1, 3, 64, 80).contiguous()
    return Video(frames=frames, alphas=alphas, foreground=frames, confidence=doubt)


@pytest.mark.parametrize("task", [*OF_CLIPS, FusionTask])
def test_samples_of_clips_carry_the_confidence_of_their_frames(task: Callable[[], Task]) -> None:
    doubt = torch.rand(3, 1, 64, 80)
    for confidence, wanted in ((doubt, doubt), (None, torch.ones_like(doubt))):
        for seed in range(4):
            random = np.random.default_rng(seed)
            sample = task().sample(two_disks(confidence), random, 0.5)
            frames = sample["frame" if "frame" in sample else "frames"]
            numbers = (10 * frames.mean((-3, -2, -1))).round().long()
            assert torch.equal(sample["confidence"], wanted[numbers])


@pytest.mark.parametrize("progress", [0.0, 1.0])
@pytest.mark.parametrize("task", OF_CLIPS)
def test_what_is_in_doubt_of_a_clip_teaches_nothing_and_the_rest_does(
    task: Callable[[], Task], progress: float
) -> None:
    doubt = torch.ones(3, 1, 64, 80)
    doubt[..., 48:] = 0
    sample = task().sample(two_disks(doubt), np.random.default_rng(0), progress)
    held = {name: plane[None] for name, plane in sample.items()}
    form = task().form(tier(task().network, "t01"))
    predicted = {name: each.detach().requires_grad_() for name, each in form(held, 1.0).items()}
    torch.stack(list(task().losses(predicted, held, progress).values())).sum().backward()  # type: ignore[no-untyped-call]
    for name, each in predicted.items():
        assert each.grad is not None
        sure = each.shape[-1] * 48 // 80
        assert each.grad[..., :sure].any(), name
        assert not each.grad[..., sure:].any(), name
