import pytest
import torch

from tiers.blocks.global_mean import GlobalMean, global_mean


@pytest.mark.parametrize("size_hw", [(1, 1), (7, 13), (9, 16), (54, 96), (68, 120)])
def test_it_is_the_mean_over_height_and_width(size_hw: tuple[int, int]) -> None:
    x = torch.rand(2, 3, *size_hw, generator=torch.Generator().manual_seed(0))
    assert global_mean(x).shape == (2, 3, 1, 1)
    assert torch.allclose(global_mean(x), x.mean((2, 3), keepdim=True), rtol=0, atol=1e-6)
    assert torch.equal(GlobalMean()(x), global_mean(x))
