"""Samples and losses of stfam, trimap and matanyone: what is asked of clips."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from pocketmatte.training.losses import alpha_loss
from pocketmatte.training.stages import Stage
from pocketmatte.training.task import Tensors
from pocketmatte.training.tasks.matanyone import MatAnyoneTask
from pocketmatte.training.tasks.stfam import SLOWER, Excerpts, StfamTask
from pocketmatte.training.tasks.trimap import TrimapTask
from pocketmatte.training.trimaps import FOREGROUND, trimap_of
from pocketmatte.training.triplets import gap_at
from pocketmatte.training.video import Video
from tiers.ladder import tier

H, W = 64, 80


def clip(length: int = 4, objects: int = 1, *, hard: bool = False) -> Video:
    """Disks that move to the right, one below the other; frame n is of brightness n / 100."""
    y, x = torch.arange(H).view(-1, 1), torch.arange(W).view(1, -1)
    alphas = torch.stack([
        torch.stack([
            ((12 - ((y - 16 - 30 * k) ** 2 + (x - 20 - 2 * t) ** 2).sqrt()) / 4 + 0.5).clamp(0, 1)
            for k in range(objects)
        ])
        for t in range(length)
    ])  # fmt: skip
    numbers = torch.arange(length).view(-1, 1, 1, 1) / 100
    frames = numbers.expand(-1, 3, H, W).contiguous()
    return Video(frames=frames, alphas=alphas.round() if hard else alphas, foreground=frames)


class Repeated:
    def __init__(self, video: Video) -> None:
        self._video = video

    def video(self, index: int) -> Video:  # noqa: ARG002
        return self._video


def batched(*samples: Tensors) -> dict[str, Tensor]:
    return {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}


def drawn(task: StfamTask | TrimapTask | MatAnyoneTask, video: Video, count: int) -> list[Tensors]:
    random = np.random.default_rng(0)
    return [task.sample(video, random, 0.5) for _ in range(count)]


def numbers_of(frames: Tensor) -> list[int]:
    return [round(100 * float(frame.mean())) for frame in frames]


def test_an_excerpt_is_taken_from_anywhere_at_any_pace_in_both_directions() -> None:
    source = Excerpts(Repeated(clip(3 * SLOWER)), 3, seed=0)
    runs = [numbers_of(source.video(index).frames) for index in range(200)]
    assert {abs(b - a) for run in runs for a, b in itertools.pairwise(run)} == {1, 2, 3}
    assert {number for run in runs for number in run} == set(range(3 * SLOWER))
    assert 70 < sum(run[0] < run[-1] for run in runs) < 130
    assert numbers_of(source.video(7).frames) == runs[7]


def test_trimaps_of_a_clip_know_what_is_known_and_are_now_and_then_drawn_badly() -> None:
    video = clip(3)
    exact = [
        torch.stack([trimap_of(frame[None], torch.tensor([r]))[0] for frame in video.alpha]) / 2
        for r in range(1, 6)  # 25 / 320 of the height at most
    ]
    matches = [
        [torch.equal(sample["trimaps"], each) for each in exact]
        for sample in drawn(StfamTask(), video, 100)
    ]
    assert all(any(column) for column in zip(*matches, strict=True)), "every width is drawn"
    assert 15 < sum(not any(row) for row in matches) < 50


def test_stfam_learns_from_unknown_pixels_alone() -> None:
    task, (sample,) = StfamTask(), drawn(StfamTask(), clip(3), 1)
    batch = batched(sample)
    unknown = batch["trimaps"] == 0.5
    kept = torch.where(unknown, batch["alpha"], batch["trimaps"])
    off = (kept - 0.1 * unknown).abs()
    assert float(task.losses({"alpha": kept}, batch, 0)["alpha"]) == 0
    expected = float((off - kept).abs()[unknown].mean())
    assert float(task.error({"alpha": off}, batch)) == pytest.approx(1e3 * expected, rel=1e-5)
    assert float(task.error({"alpha": off * unknown}, batch)) == pytest.approx(1e3 * expected)
    whole = alpha_loss(off.transpose(0, 1), kept.transpose(0, 1)) / unknown.float().mean()
    assert float(task.losses({"alpha": off}, batch, 0)["alpha"]) == pytest.approx(float(whole))


def test_gaps_of_trimap_grow_with_the_training_and_shrink_at_its_end() -> None:
    task, video, random = TrimapTask(), clip(21), np.random.default_rng(0)
    largest = []
    for progress in (0.0, 0.25, 0.5, 1.0):
        runs = [numbers_of(task.sample(video, random, progress)["frames"]) for _ in range(60)]
        largest.append(max(abs(b - a) for run in runs for a, b in itertools.pairwise(run)))
    assert gap_at(0.25) == 15
    assert largest == [2, 6, 10, 2]  # shares 5, 15, 25, 5 of 25 of the ten that there is room for


def test_references_of_trimap_are_of_the_first_frame_and_now_and_then_of_the_last_one() -> None:
    samples = drawn(TrimapTask(), clip(7), 120)
    assert all(sample["valid"][0] == 1 for sample in samples)
    assert 20 < sum(int(sample["valid"][1]) for sample in samples) < 55
    same = [torch.equal((2 * s["given"][1]).long(), s["truth"][-1]) for s in samples]
    assert 5 < same.count(False) < 50, "some are drawn badly"


def test_a_reference_of_trimap_has_foreground_where_there_is_any() -> None:
    thin = clip(3)
    alphas = torch.zeros_like(thin.alphas)
    alphas[:, :, 30:32, 10:70] = 1
    thin = dataclasses.replace(thin, alphas=alphas)
    for sample in drawn(TrimapTask(), thin, 20):
        assert (sample["truth"] == FOREGROUND).any()


def test_matanyone_is_given_hard_masks_that_are_now_and_then_wrong() -> None:
    video = clip(3, objects=2)
    samples = drawn(MatAnyoneTask(), video, 200)
    masks = torch.stack([sample["masks"] for sample in samples])
    assert torch.equal(masks, masks.bool().float())
    there = masks.flatten(2).amax(2) > 0
    assert there[:, 0].all()
    assert 30 < int((~there[:, 1]).sum()) < 75
    for sample, present in zip(samples, there, strict=True):
        assert torch.equal(sample["alpha"], video.alphas * present[:, None, None])
    wrong = (masks[:, 0] != video.masks[0, 0]).flatten(1).any(1)
    assert 40 < int(wrong.sum()) < 85


def test_an_object_that_the_first_frame_does_not_show_is_none() -> None:
    video = clip(3, objects=2)
    video.alphas[0, 1] = 0
    for sample in drawn(MatAnyoneTask(), video, 5):
        assert not sample["alpha"][:, 1].any()
        assert not sample["masks"][1].any()


def test_mattes_and_masks_are_told_apart_by_their_values() -> None:
    task = MatAnyoneTask()
    (soft,), (hard,) = drawn(task, clip(3), 1), drawn(task, clip(3, hard=True), 1)
    assert (float(soft["soft"]), float(hard["soft"])) == (1, 0)


def nobody(video: Video) -> Video:
    return dataclasses.replace(
        video, alphas=torch.cat((video.alphas, torch.zeros_like(video.alphas)), 1)
    )


def test_mattes_are_learnt_by_the_matting_loss_and_masks_by_core_supervision() -> None:
    task, random = MatAnyoneTask(), np.random.default_rng(1)
    soft, hard = (task.sample(nobody(clip(3, hard=each)), random, 0) for each in (False, True))
    change = torch.zeros(1, 2, 2, H // 16, W // 16)
    coarse = {"change": change, "carried": change}
    always = {"alpha", "change", "carried"}
    for sample, named in ((soft, always), (hard, always | {"core"})):
        batch = batched(sample)
        off = {"alpha": 0.7 * batch["alpha"] + 0.1 * (batch["alpha"] > 0), **coarse}
        assert set(task.losses(off, batch, 0)) == named
    batch = batched(soft)
    off = {"alpha": 0.7 * batch["alpha"], **coarse}
    only = [each["alpha"].transpose(0, 1)[:, :, :1] for each in (off, batch)]
    expected = float(alpha_loss(*only))
    # beside nobody an object costs what it costs alone, and beside a clip of masks half of it
    assert float(task.losses(off, batch, 0)["alpha"]) == pytest.approx(expected, rel=1e-5)
    batch = batched(soft, hard)
    both = {name: each.expand(2, -1, -1, -1, -1) for name, each in coarse.items()}
    off = {"alpha": 0.7 * batch["alpha"], **both}
    terms = task.losses(off, batch, 0)
    assert float(terms["alpha"]) == pytest.approx(expected / 2, rel=1e-5)
    right = {"alpha": batch["alpha"], **both}
    assert float(task.losses(right, batch, 0)["core"]) < 0.6 * float(terms["core"])


@pytest.mark.parametrize("task", [StfamTask(), TrimapTask(), MatAnyoneTask()])
def test_what_is_in_doubt_is_not_learnt_from(task: StfamTask | TrimapTask | MatAnyoneTask) -> None:
    video = clip(3, objects=2 if task.network == "matanyone" else 1)
    doubt = torch.ones(3, 1, H, W)
    doubt[..., W // 2 :] = 0
    batch = batched(*drawn(task, dataclasses.replace(video, confidence=doubt), 1))
    name = "trimap" if task.network == "trimap" else "alpha"
    shape = (1, 2, 3, H, W) if name == "trimap" else batch["alpha"].shape
    predicted = torch.rand(shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    coarse = torch.zeros(1, 2, shape[2] if name == "trimap" else 2, H // 16, W // 16)
    carried = coarse.clone().requires_grad_()
    terms = task.losses({name: predicted, "change": coarse, "carried": carried}, batch, 0)
    learnt = [
        (terms[name], predicted),
        *([(terms["carried"], carried)] if "carried" in terms else []),
    ]
    for term, given in learnt:
        term.backward()  # type: ignore[no-untyped-call]
        assert given.grad is not None
        doubtful = math.ceil(given.shape[-1] / 2)  # the first column that lies in doubt as a whole
        assert given.grad[..., :doubtful].any()
        assert not given.grad[..., doubtful:].any()


def test_a_still_is_matted_and_has_no_change() -> None:
    task = MatAnyoneTask()
    stage = Stage(
        name="stills", steps=1, size_hw=(H, W), length=1, batch=1, learning_rate=(1.0, 1.0),
        distillation=0.0,
    )  # fmt: skip
    video = task.source(stage, None, 0).video(0)
    assert video.alphas.shape == (1, 2, H, W)
    batch = batched(task.sample(video, np.random.default_rng(0), 0.5))
    predicted = task.form(tier("matanyone", "t01"))(batch, 1.0)
    assert predicted["alpha"].shape == (1, 1, 2, H, W)
    terms = task.losses(predicted, batch, 0.5)
    assert "change" not in terms
    assert all(torch.isfinite(term) for term in terms.values())


def test_trimap_learns_the_classes_own_probabilities_though_one_counts_twice() -> None:
    """At them, the loss has no slope along a shift of all pixels' logits."""
    truth = torch.tensor([0] * 10 + [1] * 2 + [2] * 4).repeat(16).view(1, 1, 1, 16, 16)
    shares = torch.tensor([10, 2, 4]) / 16
    shift = shares.log().requires_grad_()
    predicted = {
        "trimap": shift.view(1, 1, 3, 1, 1).expand(1, 1, 3, 16, 16),
        "carried": torch.zeros(1, 1, 3, 1, 1),
    }
    batch = {"truth": truth, "confidence": torch.ones(1, 1, 1, 16, 16)}
    TrimapTask().losses(predicted, batch, 0.5)["trimap"].backward()  # type: ignore[no-untyped-call]
    assert shift.grad is not None
    torch.testing.assert_close(shift.grad, torch.zeros(3), atol=1e-6, rtol=0)
