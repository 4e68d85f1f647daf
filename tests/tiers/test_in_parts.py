import pytest
import torch
from torch import nn

from tiers.blocks.in_parts import convolved_in_parts


def drawn(channels: int, kernel: int) -> tuple[nn.Conv2d, torch.Tensor]:
    torch.manual_seed(0)
    convolution = nn.Conv2d(channels, 6, kernel, padding=kernel // 2)
    convolution.requires_grad_(requires_grad=False)
    return convolution, torch.randn(2, channels, 5, 7)


@pytest.mark.parametrize("width", [32, 16, 8, 4])
@pytest.mark.parametrize("kernel", [1, 3])
def test_it_is_the_convolution_itself(width: int, kernel: int) -> None:
    convolution, x = drawn(32, kernel)
    given = convolved_in_parts(convolution, x, width)
    assert torch.allclose(given, convolution(x), atol=1e-5)


def test_no_part_adds_up_more_than_its_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, bool]] = []
    original = nn.functional.conv2d

    def noted(
        x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, padding: int
    ) -> torch.Tensor:
        seen.append((weight.shape[1], bias is not None))
        return original(x, weight, bias, padding=padding)

    monkeypatch.setattr(nn.functional, "conv2d", noted)
    convolved_in_parts(*drawn(32, 3), width=8)
    assert seen == [(8, True), (8, False), (8, False), (8, False)]
