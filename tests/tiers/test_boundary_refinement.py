import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.boundary_refinement import BoundaryRefinement


def drawn(channels: int, seed: int, hw: tuple[int, int]) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((1, channels, *hw), generator=generator)


def refinement() -> BoundaryRefinement:
    torch.manual_seed(0)
    return BoundaryRefinement(8, 6, 1).eval().requires_grad_(requires_grad=False)


def test_a_sure_mask_is_left_as_it_is() -> None:
    logits = torch.full((1, 1, 16, 16), 30.0)
    logits[..., 7:9] = 0.0
    logits[..., 9:] = -30.0
    head = refinement()
    nn.init.constant_(head.correct.bias, 5.0)  # type: ignore[arg-type]
    refined = head(drawn(3, 4, (32, 32)), logits, drawn(8, 5, (16, 16)))
    coarse = functional.interpolate(logits, scale_factor=2.0, mode="bilinear")
    sure = coarse.abs() == 30
    assert sure.float().mean() > 0.7
    torch.testing.assert_close(refined[sure], coarse[sure], rtol=0, atol=1e-5)
    assert (refined - coarse)[~sure].abs().max() > 0.1


@pytest.mark.parametrize(("logit", "weight"), [(0.0, 1.0), (1.0986123, 0.75), (-2.1972246, 0.36)])
def test_a_correction_counts_by_how_unsure_the_mask_is(logit: float, weight: float) -> None:
    head = refinement()  # masks of 0.5, 0.75 and 0.1
    nn.init.zeros_(head.correct.weight)
    nn.init.constant_(head.correct.bias, 2.0)  # type: ignore[arg-type]
    logits = torch.full((1, 1, 8, 8), logit)
    refined = head(drawn(3, 4, (16, 16)), logits, drawn(8, 5, (8, 8)))
    expected = torch.full_like(refined, logit + 2 * weight)
    torch.testing.assert_close(refined, expected, rtol=0, atol=1e-5)


def test_the_refinement_sees_the_features_of_the_coarse_mask() -> None:
    head, picture, logits = refinement(), drawn(3, 4, (64, 96)), torch.zeros(1, 1, 32, 48)
    first, second = (head(picture, logits, drawn(8, seed, (32, 48))) for seed in (5, 6))
    assert (first - second).abs().max() > 1e-3
