import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from pocketmatte.matting.aggregate import soft_aggregate
from pocketmatte.training.mask_losses import (
    aggregated_logits,
    bootstrap_share,
    bootstrapped_bce,
    bootstrapped_cross_entropy,
    boundary_weight,
    dice_loss,
)

FAR = 80.0  # a logit that is certain, and whose exponent half precision does not hold


def random_logits(*shape: int, scale: float = 2.0, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


def hard_masks(samples: int, objects: int, height: int, width: int, seed: int = 1) -> Tensor:
    """Draw the winner of every pixel; masks do not overlap."""
    generator = torch.Generator().manual_seed(seed)
    winner = torch.randint(0, objects + 1, (samples, 1, height, width), generator=generator)
    return (winner == torch.arange(1, objects + 1).view(1, -1, 1, 1)).double()


def slow_bce(logit: float, true: float) -> float:
    p = 1 / (1 + math.exp(-logit))
    return -true * math.log(p) - (1 - true) * math.log(1 - p)


# The share of pixels that counts.


@pytest.mark.parametrize(
    ("step", "share"),
    [(0, 1.0), (20_000, 1.0), (45_000, 0.575), (70_000, 0.15), (10**6, 0.15)],
)
def test_the_share_falls_linearly_between_two_steps(step: int, share: float) -> None:
    assert bootstrap_share(step, 20_000, 70_000) == pytest.approx(share)


def test_senseless_shares_are_refused() -> None:
    with pytest.raises(ValueError, match="first is 5 and last 5"):
        bootstrap_share(0, 5, 5)
    with pytest.raises(ValueError, match=r"least is 0\.0"):
        bootstrap_share(0, 5, 6, least=0.0)
    with pytest.raises(ValueError, match=r"share is 1\.5; it is a share of the pixels"):
        bootstrapped_bce(torch.zeros(1, 4), torch.zeros(1, 4), 1.5)


# Binary cross-entropy of the hardest pixels.


def test_by_hand_the_two_hardest_of_four_pixels_count() -> None:
    # -log(1/2), -log(3/4), -log(1/4), -log(9/10) of the right answers
    logits = torch.tensor([[0.0, math.log(3), math.log(1 / 3), -math.log(9)]])
    true = torch.tensor([[1.0, 1.0, 1.0, 0.0]])
    hardest = (math.log(2) + math.log(4)) / 2
    assert bootstrapped_bce(logits, true, 0.5).item() == pytest.approx(hardest)
    all_four = (math.log(2) + math.log(4 / 3) + math.log(4) + math.log(10 / 9)) / 4
    assert bootstrapped_bce(logits, true).item() == pytest.approx(all_four)


@pytest.mark.parametrize("share", [1.0, 0.7, 0.15, 0.001])
def test_bce_equals_its_definition_sample_by_sample(share: float) -> None:
    logits, true = random_logits(3, 1, 5, 4), torch.rand(3, 1, 5, 4, dtype=torch.float64)
    means = []
    for sample_logits, sample_true in zip(logits, true, strict=True):
        values = [
            slow_bce(logit, t)
            for logit, t in zip(
                sample_logits.flatten().tolist(), sample_true.flatten().tolist(), strict=True
            )
        ]
        kept = max(round(share * 20), 1)
        means.append(np.mean(sorted(values)[-kept:]))
    assert bootstrapped_bce(logits, true, share).item() == pytest.approx(np.mean(means))


def test_only_the_hardest_pixels_get_a_gradient() -> None:
    logits = torch.tensor([[3.0, -2.0, 0.5, 1.0]], requires_grad=True)
    bootstrapped_bce(logits, torch.ones(1, 4), 0.5).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert (logits.grad != 0).tolist() == [[False, True, True, False]]


def test_a_weight_multiplies_before_the_hardest_are_taken() -> None:
    logits, true = torch.zeros(1, 4), torch.ones(1, 4)
    weight = torch.tensor([[0.5, 2.0, 1.0, 0.5]])
    assert bootstrapped_bce(logits, true, 0.25, weight).item() == pytest.approx(2 * math.log(2))
    assert bootstrapped_bce(logits, true, 1.0, weight).item() == pytest.approx(math.log(2))


# Objects that share a frame.


def slow_shares(logits: list[float]) -> list[float]:
    """Odds of a product of complements and of the objects, over their sum."""
    p = [1 / (1 + math.exp(-logit)) for logit in logits]
    everything = [math.prod(1 - q for q in p), *p]
    odds = [q / (1 - q) for q in everything]
    return [each / sum(odds) for each in odds]


@pytest.mark.parametrize("objects", [1, 2, 3, 5])
def test_aggregation_equals_odds_over_their_sum(objects: int) -> None:
    logits = random_logits(2, objects, 3, 4)
    shares = aggregated_logits(logits).softmax(1)
    for sample, y, x in np.ndindex(2, 3, 4):
        expected = slow_shares(logits[sample, :, y, x].tolist())
        assert shares[sample, :, y, x].tolist() == pytest.approx(expected)


def test_aggregation_equals_what_an_app_does_with_probabilities() -> None:
    logits = random_logits(1, 3, 6, 5).float()
    expected = soft_aggregate(logits.sigmoid()[0].numpy())
    shares = aggregated_logits(logits).softmax(1)[0]
    np.testing.assert_allclose(shares.numpy(), expected, atol=1e-5)


def test_one_object_keeps_its_probability_against_the_background() -> None:
    logits = random_logits(1, 1, 4, 4)
    # odds o and 1 / o: o / (o + 1 / o) = 1 / (1 + exp(-2 l))
    torch.testing.assert_close(
        aggregated_logits(logits).softmax(1)[:, 1:], torch.sigmoid(2 * logits)
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_aggregation_holds_certain_logits_of_any_precision(dtype: torch.dtype) -> None:
    values = torch.tensor([-FAR, 0.0, FAR], dtype=dtype)
    logits = torch.cartesian_prod(values, values, values).T.reshape(1, 3, 27, 1)
    logits.requires_grad_()
    shares = aggregated_logits(logits).softmax(1)
    assert torch.isfinite(shares).all()
    torch.testing.assert_close(shares.sum(1), torch.ones(1, 27, 1))
    assert shares[0, 0, 0, 0] == 1  # nobody is there
    shares[:, 1].sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_an_absent_object_takes_nothing_and_learns_nothing() -> None:
    logits = random_logits(2, 3, 4, 5).requires_grad_()
    present = torch.tensor([[True, False, True], [False, False, False]])
    shares = aggregated_logits(logits, present).softmax(1)
    torch.testing.assert_close(
        shares[:1, [0, 1, 3]], aggregated_logits(logits[:1, [0, 2]]).softmax(1)
    )
    assert (shares[0, 2] == 0).all()
    assert (shares[1, 0] == 1).all()
    shares.square().sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert (logits.grad[0, 1] == 0).all()
    assert (logits.grad[1] == 0).all()
    assert (logits.grad[0, 0] != 0).all()


def test_cross_entropy_equals_minus_the_log_of_the_winners_share() -> None:
    logits, masks = random_logits(2, 3, 4, 5), hard_masks(2, 3, 4, 5)
    values = np.empty((2, 20))
    for sample, y, x in np.ndindex(2, 4, 5):
        winners = masks[sample, :, y, x].tolist()
        winner = winners.index(1) + 1 if 1 in winners else 0
        share = slow_shares(logits[sample, :, y, x].tolist())[winner]
        values[sample, 5 * y + x] = -math.log(share)
    aggregated = aggregated_logits(logits)
    full = bootstrapped_cross_entropy(aggregated, masks).item()
    assert full == pytest.approx(values.mean())
    hardest = np.sort(values, axis=1)[:, -3:].mean()
    assert bootstrapped_cross_entropy(aggregated, masks, 0.15).item() == pytest.approx(hardest)


def test_cross_entropy_of_soft_masks_is_least_at_them() -> None:
    shares = torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64).view(1, 3, 1, 1)
    masks = shares[:, 1:]
    entropy = -(shares * shares.log()).sum()
    torch.testing.assert_close(bootstrapped_cross_entropy(shares.log(), masks), entropy)
    for seed in range(10):
        other = shares.log() + 0.3 * random_logits(1, 3, 1, 1, seed=seed)
        assert bootstrapped_cross_entropy(other, masks) > entropy


# Dice and side outputs.


def test_dice_by_hand() -> None:
    probabilities = torch.tensor([[[[0.5, 1.0]], [[0.0, 0.0]]]])
    true = torch.tensor([[[[1.0, 1.0]], [[0.0, 0.0]]]])
    # 1 - (2 * 1.5 + 1) / (1.5 + 2 + 1) of the first object, 0 of the second
    assert dice_loss(probabilities, true).item() == pytest.approx((1 - 4 / 4.5) / 2)


def test_dice_is_0_at_a_hard_mask_and_1_less_little_at_its_opposite() -> None:
    masks = hard_masks(2, 1, 20, 20)
    assert dice_loss(masks, masks).item() == pytest.approx(0)
    assert dice_loss(1 - masks, masks).item() == pytest.approx(1 - 1 / 401)


# Borders.


def test_border_weights_equal_their_definition() -> None:
    true = torch.rand(2, 1, 7, 9, dtype=torch.float64)
    weight = boundary_weight(true, radius_px=2, gain=3.0)
    for sample in range(2):
        plain = np.empty((7, 9))
        picture = true[sample, 0].numpy()
        for y, x in np.ndindex(7, 9):
            around = picture[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
            plain[y, x] = 1 + 3 * abs(around.mean() - picture[y, x])
        np.testing.assert_allclose(weight[sample, 0].numpy(), plain / plain.mean())


def test_borders_weigh_more_than_plain_areas_and_the_mean_is_1() -> None:
    true = torch.zeros(1, 1, 64, 64)
    true[..., :32] = 1
    weight = boundary_weight(true, radius_px=7)
    assert weight.mean().item() == pytest.approx(1)
    # 8 of the 15 columns round the last of the object are its own
    assert (weight[..., 31] / weight[..., 0]).mean().item() == pytest.approx(1 + 5 * 7 / 15)
    assert (boundary_weight(true, gain=0.0) == 1).all()


# What every loss of masks must do.


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "bce": bootstrapped_bce,
    "hardest": lambda logits, true: bootstrapped_bce(logits, true, 0.3),
    "weighted": lambda logits, true: bootstrapped_bce(logits, true, 0.3, boundary_weight(true, 2)),
    "objects": lambda logits, true: bootstrapped_cross_entropy(
        aggregated_logits(logits), true, 0.3
    ),
    "dice": lambda logits, true: dice_loss(logits.sigmoid(), true),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_0_at_the_truth_and_grow_with_the_error(name: str) -> None:
    masks = hard_masks(2, 2, 6, 7)
    right = (2 * masks - 1) * FAR
    losses = [LOSSES[name](scale * right, masks).item() for scale in (1, 0.05, 0, -0.05, -1)]
    assert losses[0] == pytest.approx(0, abs=1e-6)
    assert losses == sorted(losses)
    assert all(before < after for before, after in itertools.pairwise(losses[:-1]))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_gradients_are_finite_where_logits_are_certain(
    name: str, dtype: torch.dtype
) -> None:
    masks = hard_masks(1, 2, 6, 7).to(dtype)
    signs = torch.sign(random_logits(1, 2, 6, 7)).to(dtype)
    logits = (FAR * signs).requires_grad_()
    loss = LOSSES[name](logits, masks)
    loss.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_equal_finite_differences(name: str) -> None:
    masks = hard_masks(2, 2, 3, 4)
    logits = random_logits(2, 2, 3, 4, seed=4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: LOSSES[name](x, masks), (logits,))
