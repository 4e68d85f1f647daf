import pytest
import torch
from torch import Tensor

from tiers.blocks.aggregate import aggregate_pair

BOTH = torch.ones(2, 1, 1, 1)


def published(logits: Tensor) -> Tensor:
    """Return the shares of odds, as the paper writes them, in double precision."""
    p = logits.double().sigmoid()
    odds = torch.cat([p, (1 - p[:1]) * (1 - p[1:])])
    odds = odds.clamp(1e-7, 1 - 1e-7)
    odds = odds / (1 - odds)
    return odds[:2] / odds.sum(0)


def drawn(scale: float) -> Tensor:
    return scale * torch.randn(2, 1, 32, 48, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("scale", [0.1, 1.0, 4.0])
def test_objects_and_background_take_their_shares_of_all_odds(scale: float) -> None:
    logits = drawn(scale)
    assert (aggregate_pair(logits, BOTH).double() - published(logits)).abs().max() < 2e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_probabilities_share_one_at_any_magnitude(dtype: torch.dtype) -> None:
    for scale in (0.0, 1.0, 30.0, 1e4):
        masks = aggregate_pair(drawn(scale).to(dtype), BOTH.to(dtype)).float()
        assert masks.min() >= 0
        assert (masks.sum(0) <= 1 + 1e-3).all()


def test_one_certain_object_takes_all_and_two_take_half_each() -> None:
    certain, absent = torch.full((1, 1, 2, 2), 40.0), torch.full((1, 1, 2, 2), -40.0)
    one = aggregate_pair(torch.cat([certain, absent]), BOTH)
    assert torch.allclose(one, torch.tensor([1.0, 0.0]).view(2, 1, 1, 1).expand_as(one), atol=1e-6)
    two = aggregate_pair(torch.cat([certain, certain]), BOTH)
    assert torch.allclose(two, torch.full_like(two, 0.5), atol=1e-6)
    none = aggregate_pair(torch.cat([absent, absent]), BOTH)
    assert none.max() < 1e-6


def test_an_object_that_is_not_there_gets_nothing_and_takes_nothing() -> None:
    logits = drawn(3.0)
    masks = aggregate_pair(logits, torch.tensor([1.0, 0.0]).view(2, 1, 1, 1))
    assert not masks[1].any()
    p = logits[0].double().sigmoid()
    alone = p**2 / (p**2 + (1 - p) ** 2)  # odds of p against those of 1 - p
    assert (masks[0].double() - alone).abs().max() < 1e-5


def test_swapping_the_objects_swaps_their_masks() -> None:
    logits = drawn(2.0)
    swapped = aggregate_pair(logits.flip(0), BOTH).flip(0)
    assert torch.allclose(aggregate_pair(logits, BOTH), swapped, atol=1e-6)
