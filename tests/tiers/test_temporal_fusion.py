import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.temporal_fusion import TemporalFusion, channel_max

CHANNELS, HW = 12, (6, 10)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def fusion() -> TemporalFusion:
    torch.manual_seed(2)
    made = TemporalFusion(CHANNELS).eval().requires_grad_(requires_grad=False)
    norm = made.fuse[1]
    assert isinstance(norm, nn.BatchNorm2d)
    nn.init.uniform_(norm.weight, 0.5, 1.5)
    nn.init.uniform_(norm.bias, -0.5, 0.5)
    return made


@pytest.mark.parametrize("channels", [1, 2, 3, 5, 8, 48, 97])
def test_the_largest_channel_is_found_wherever_it_is(channels: int) -> None:
    x = drawn(2, channels, 40, 50)
    largest = x.amax(dim=1, keepdim=True)
    assert torch.equal(channel_max(x), largest)
    assert set(x.argmax(dim=1).flatten().tolist()) == set(range(channels)), "each must be it once"


def test_it_weighs_channels_then_pixels_then_mixes(fusion: TemporalFusion) -> None:
    aligned, present = drawn(2, CHANNELS, *HW, seed=1), drawn(1, CHANNELS, *HW, seed=2).relu()
    x = torch.cat([aligned[0], aligned[1], present[0]])
    means = x.mean(dim=(1, 2))
    hidden = (fusion.squeeze.weight[..., 0, 0] @ means).relu()
    x = x * (fusion.expand.weight[..., 0, 0] @ hidden).sigmoid()[:, None, None]
    seen = torch.stack([x.mean(dim=0), x.amax(dim=0)])[None]
    x = x * functional.conv2d(seen, fusion.spatial.weight, padding=3).sigmoid()[0]
    expected = (present + fusion.fuse(x[None])).relu()
    torch.testing.assert_close(fusion(aligned, present), expected, rtol=0, atol=1e-5)
    assert not torch.allclose(expected, present, atol=0.1), "nothing was added"


def test_the_two_past_frames_are_told_apart(fusion: TemporalFusion) -> None:
    aligned, present = drawn(2, CHANNELS, *HW, seed=1), drawn(1, CHANNELS, *HW, seed=2)
    swapped = fusion(aligned.flip(0), present)
    assert not torch.allclose(fusion(aligned, present), swapped, atol=1e-2)


def test_with_nothing_to_add_the_present_features_stay(fusion: TemporalFusion) -> None:
    nn.init.zeros_(fusion.fuse[1].weight)  # type: ignore[arg-type]
    nn.init.zeros_(fusion.fuse[1].bias)  # type: ignore[arg-type]
    present = drawn(1, CHANNELS, *HW, seed=2).relu()
    assert torch.equal(fusion(drawn(2, CHANNELS, *HW), present), present)
