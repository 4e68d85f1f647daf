"""What is seen of a program while it runs is what its layers really take and give."""

import pytest
import torch

from pocketmatte.quantisation.observing import shift_of, tap_means


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"),
    [
        ((3, 3), (1, 1), (1, 1), (1, 1)),
        ((1, 1), (1, 1), (0, 0), (1, 1)),
        ((5, 3), (2, 1), (2, 0), (1, 1)),
        ((3, 3), (2, 2), (1, 1), (1, 1)),
        ((3, 3), (1, 1), (4, 2), (4, 2)),
        ((3, 3), (3, 2), (9, 5), (2, 3)),  # taps that see nothing but padding, at some places
    ],
)
def test_the_mean_of_a_convolution_follows_from_what_its_taps_see(
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
) -> None:
    generator = torch.Generator().manual_seed(0)
    given = torch.randn(2, 8, 11, 14, generator=generator, dtype=torch.float64)
    weight, held = (
        torch.randn(4, 8 // groups, *kernel, generator=generator, dtype=torch.float64)
        for _ in range(2)
    )
    geometry = (stride, padding, dilation)

    def convolved(each: torch.Tensor) -> torch.Tensor:
        return torch.conv2d(given, each, None, *geometry, groups)

    expected = (convolved(weight) - convolved(held)).mean((0, 2, 3))
    taps = tap_means(given, kernel, convolved(weight).shape[2:], *geometry)
    assert taps.shape == (8, *kernel)
    torch.testing.assert_close(shift_of(weight, held, taps), expected)
