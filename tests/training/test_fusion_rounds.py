import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from pocketmatte.training.fusion_rounds import (
    FusionRound,
    colour_keys,
    round_frames,
    simulated_rounds,
)
from pocketmatte.training.video import Video
from tiers.contract_table import contracts
from tiers.ladder import tier

LENGTH, HEIGHT, WIDTH = 9, 64, 96


def video(objects: int = 2, length: int = LENGTH) -> Video:
    """A red box that moves right over noise, a blue one that stays and hides none of it."""
    generator = torch.Generator().manual_seed(0)
    background = 0.3 * torch.rand(length, 3, HEIGHT, WIDTH, generator=generator)
    alphas = torch.zeros(length, objects, HEIGHT, WIDTH)
    colours = torch.eye(3)[[0, 2, 1]]
    foreground = torch.zeros(length, 3, HEIGHT, WIDTH)
    for number in range(min(objects, 2)):
        for t in range(length):
            left = 8 + 4 * t if number == 0 else 60
            top = 8 if number == 0 else 36
            alphas[t, number, top : top + 24, left : left + 24] = 1
    for number in range(objects):
        foreground += alphas[:, number, None] * colours[number].view(1, 3, 1, 1)
    total = alphas.sum(1, keepdim=True)
    frames = foreground + background * (1 - total)
    return Video(frames=frames, alphas=alphas, foreground=foreground)


def error(mask: Tensor, true: Tensor) -> float:
    return (mask - true).abs().mean().item()


def rounds(count: int, seed: int = 0) -> list[FusionRound]:
    random, clip = np.random.default_rng(seed), video()
    return [one for _ in range(count) for one in simulated_rounds(clip, random, colour_keys)]


def test_a_round_is_what_the_contract_of_fusion_takes() -> None:
    (one, two) = simulated_rounds(video(), np.random.default_rng(0), colour_keys)
    spec = tier("fusion", "t01")
    _, fuse = contracts(spec)
    for given in (one, two):
        for tensor in fuse.inputs:
            value = getattr(given, tensor.name)
            shape = tuple(
                {spec.output_hw[0]: HEIGHT, spec.output_hw[1]: WIDTH}.get(side, side)
                for side in tensor.shape
            )
            assert value.shape == shape, tensor.name
            assert value.dtype == torch.float32
            assert value.min() >= 0
            assert value.max() <= 1
        assert given.true.shape == given.new_mask.shape
        assert set(given.true.flatten().tolist()) == {0.0, 1.0}


def test_objects_come_one_at_a_time_of_the_same_frames() -> None:
    clip = video()
    one, two = simulated_rounds(clip, np.random.default_rng(1), colour_keys)
    assert torch.equal(one.frame, two.frame)
    assert torch.equal(one.distances, two.distances)
    number = next(t for t in range(LENGTH) if torch.equal(clip.frames[t], one.frame[0]))
    assert torch.equal(one.true[0, 0], clip.masks[number, 0])
    assert torch.equal(two.true[0, 0], clip.masks[number, 1])


def test_an_object_that_the_frame_does_not_show_has_no_round() -> None:
    clip = video(objects=3)  # the third is nowhere
    assert len(simulated_rounds(clip, np.random.default_rng(0), colour_keys)) == 2
    empty = dataclasses.replace(clip, alphas=torch.zeros_like(clip.alphas))
    assert simulated_rounds(empty, np.random.default_rng(0), colour_keys) == ()


def test_distances_are_the_shares_of_the_way() -> None:
    one, _ = simulated_rounds(video(), np.random.default_rng(0), colour_keys, (7, 4, 2))
    assert one.distances.flatten().tolist() == pytest.approx([3 / 5, 2 / 5])
    for given in rounds(20):
        assert given.distances.sum().item() == pytest.approx(1)


def test_frames_lie_in_order_with_the_target_between_and_all_are_drawn() -> None:
    random = np.random.default_rng(0)
    drawn = {round_frames(5, random) for _ in range(600)}
    for first, target, last in drawn:
        assert first < target < last or first > target > last
    assert len(drawn) == 2 * 10  # of 5 frames 3, in both directions
    with pytest.raises(ValueError, match="the video has 2 frames; a round needs 3"):
        round_frames(2, random)


def test_neither_mask_is_always_the_better_one() -> None:
    better = [error(r.new_mask, r.true) < error(r.previous_mask, r.true) for r in rounds(60)]
    assert 0.25 < np.mean(better) < 0.75


def test_masks_get_worse_away_from_where_they_were_corrected() -> None:
    clip = video()

    def errors(frames: tuple[int, int, int]) -> tuple[float, float]:
        given = [
            simulated_rounds(clip, np.random.default_rng(seed), colour_keys, frames)[0]
            for seed in range(30)
        ]
        previous = np.mean([error(r.previous_mask, r.true) for r in given])
        return float(previous), float(np.mean([error(r.new_mask, r.true) for r in given]))

    close_previous, close_new = errors((0, 1, 8))
    far_previous, far_new = errors((0, 7, 8))
    assert close_previous > 1.5 * far_previous
    assert far_new > 1.5 * close_new


def test_the_two_masks_together_know_more_than_either() -> None:
    given = rounds(40)
    wrong = [
        [(mask > 0.5) != (r.true > 0.5) for mask in (r.previous_mask, r.new_mask)] for r in given
    ]
    best = np.mean([min(int(old.sum()), int(new.sum())) for old, new in wrong])
    both = np.mean([int((old & new).sum()) for old, new in wrong])
    assert both < 0.5 * best


def test_attention_shows_where_the_correction_added_and_removed() -> None:
    """Where the previous mask lacks or has too much at the target, more was added or removed."""
    inside, outside = np.zeros(2), np.zeros(2)
    for given in rounds(60):
        lacks, exceeds = given.true - given.previous_mask, given.previous_mask - given.true
        for kind, wrong in enumerate((lacks, exceeds)):
            here = wrong > 0.9
            if here.sum() > 20:
                inside[kind] += given.attention[:, kind : kind + 1][here].mean().item()
                outside[kind] += given.attention[:, kind : kind + 1][~here].mean().item()
    assert (inside > 2 * outside).all()
    assert (outside > 0).all()


def test_the_last_rounds_fault_is_the_same_at_both_frames() -> None:
    """The correction at the interacted frame tells what is wrong at the target."""
    still = video()
    frames = still.frames[:1].expand(LENGTH, -1, -1, -1)
    clip = Video(
        frames=frames,
        alphas=still.alphas[:1].expand(LENGTH, -1, -1, -1),
        foreground=still.foreground[:1].expand(LENGTH, -1, -1, -1),
    )

    def exact(pair: Tensor) -> Tensor:
        """Keys by which every cell finds itself alone."""
        cells = pair.shape[2] // 16 * (pair.shape[3] // 16)
        code = 20 * torch.eye(cells).view(1, cells, pair.shape[2] // 16, pair.shape[3] // 16)
        return code.expand(2, -1, -1, -1)

    for seed in range(10):
        random = np.random.default_rng(seed)
        one, _ = simulated_rounds(clip, random, exact, (0, 1, 8))
        lacking = torch.nn.functional.avg_pool2d((one.true - one.previous_mask).clamp(min=0), 16)
        added = torch.nn.functional.avg_pool2d(one.attention[:, :1], 16)
        if lacking.max() > 0.2:
            assert np.corrcoef(lacking.flatten().numpy(), added.flatten().numpy())[0, 1] > 0.7


def test_the_same_seed_gives_the_same_round() -> None:
    first, second, other = rounds(1, seed=3)[0], rounds(1, seed=3)[0], rounds(1, seed=4)[0]
    for field in dataclasses.fields(FusionRound):
        assert torch.equal(getattr(first, field.name), getattr(second, field.name))
    assert not torch.equal(first.previous_mask, other.previous_mask)


def test_colour_keys_find_equal_colours_and_tell_others_apart() -> None:
    frame = torch.zeros(1, 3, 16, 48)
    frame[..., 16:32] = 0.8
    keys = colour_keys(frame)
    assert keys.shape == (1, 64, 1, 3)
    assert torch.equal(keys, colour_keys(frame))
    products = torch.einsum("ncyx,nczw->xw", keys, keys) / 8
    weights = products.softmax(1)
    assert weights[0, 2].item() == pytest.approx(weights[0, 0].item())
    assert weights[0, 0] > 100 * weights[0, 1]
