import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.nested_u import DilatedResidualU, ResidualU, halve


def drawn(channels: int, seed: int, hw: tuple[int, int]) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((1, channels, *hw), generator=generator)


def test_a_block_is_a_small_u_net_around_which_its_input_passes() -> None:
    torch.manual_seed(0)
    block = ResidualU(3, 4, 8, 4).eval()
    x = drawn(3, 7, (16, 24))

    def unit(name: str, y: Tensor) -> Tensor:
        found = block.get_submodule(name)(y)
        assert isinstance(found, Tensor)
        return found

    def doubled(y: Tensor) -> Tensor:
        return functional.interpolate(y, scale_factor=2.0, mode="bilinear", align_corners=False)

    start = unit("rebnconvin", x)
    first = unit("rebnconv1", start)
    second = unit("rebnconv2", functional.max_pool2d(first, 2))
    third = unit("rebnconv3", functional.max_pool2d(second, 2))
    fourth = unit("rebnconv4", third)
    up = unit("rebnconv3d", torch.cat([fourth, third], dim=1))
    up = unit("rebnconv2d", torch.cat([doubled(up), second], dim=1))
    up = unit("rebnconv1d", torch.cat([doubled(up), first], dim=1))
    assert up.shape == (1, 8, 16, 24)
    torch.testing.assert_close(block(x), up + start, rtol=0, atol=1e-6)


def test_the_block_for_small_maps_dilates_instead_of_halving() -> None:
    block = DilatedResidualU(8, 4, 8).eval()
    dilations = {
        name.removesuffix(".conv_s1"): module.dilation
        for name, module in block.named_modules()
        if isinstance(module, nn.Conv2d)
    }
    assert dilations == {
        "rebnconvin": (1, 1),
        "rebnconv1": (1, 1), "rebnconv2": (2, 2), "rebnconv3": (4, 4), "rebnconv4": (8, 8),
        "rebnconv3d": (4, 4), "rebnconv2d": (2, 2), "rebnconv1d": (1, 1),
    }  # fmt: skip
    assert block(drawn(8, 8, (5, 7))).shape == (1, 8, 5, 7)


def test_halving_is_the_official_pool_on_even_sizes() -> None:
    x = drawn(4, 9, (64, 96))
    assert torch.equal(halve(x), functional.max_pool2d(x, 2, stride=2, ceil_mode=True))
