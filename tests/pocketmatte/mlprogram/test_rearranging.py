from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from pocketmatte.mlprogram.operations.rearranging import (
    batch_to_space,
    depth_to_space,
    pixel_shuffle,
    pixel_unshuffle,
    space_to_batch,
    space_to_depth,
)


def counting(*sizes: int) -> Tensor:
    return torch.arange(np.prod(sizes, dtype=int)).reshape(sizes).float()


@pytest.mark.parametrize("block", [2, 3])
def test_the_place_in_a_block_is_the_slower_part_of_the_depth(block: int) -> None:
    x = counting(2, 4 * block**2, 3, 5)
    found = depth_to_space(x, block)
    assert found.shape == (2, 4, 3 * block, 5 * block)
    for channel, row, column in np.ndindex(4, 3 * block, 5 * block):
        place = row % block * block + column % block
        expected = x[:, place * 4 + channel, row // block, column // block]
        assert torch.equal(found[:, channel, row, column], expected)
    assert torch.equal(space_to_depth(found, block), x)


@pytest.mark.parametrize("block", [2, 3])
def test_the_place_in_a_block_is_the_faster_part_of_a_shuffled_channel(block: int) -> None:
    x = counting(2, 4 * block**2, 3, 5)
    found = pixel_shuffle(x, block)
    assert found.shape == (2, 4, 3 * block, 5 * block)
    for channel, row, column in np.ndindex(4, 3 * block, 5 * block):
        place = row % block * block + column % block
        expected = x[:, channel * block**2 + place, row // block, column // block]
        assert torch.equal(found[:, channel, row, column], expected)
    assert torch.equal(pixel_unshuffle(found, block), x)


def test_the_places_of_a_block_become_pictures_of_their_own() -> None:
    x = counting(2, 3, 4, 9)
    found = space_to_batch(x, (2, 3), (1, 1, 0, 3))
    assert found.shape == (12, 3, 3, 4)
    wide = np.pad(x.numpy(), ((0, 0), (0, 0), (1, 1), (0, 3)))
    for down, right, picture in np.ndindex(2, 3, 2):
        expected = wide[picture, :, down::2, right::3]
        assert np.array_equal(found[(down * 3 + right) * 2 + picture].numpy(), expected)
    assert torch.equal(batch_to_space(found, (2, 3), (1, 1, 0, 3)), x)


CUTS: list[Callable[[], Tensor]] = [
    lambda: depth_to_space(counting(1, 6, 2, 2), 2),
    lambda: space_to_depth(counting(1, 1, 3, 4), 2),
    lambda: pixel_shuffle(counting(1, 6, 2, 2), 2),
    lambda: pixel_unshuffle(counting(1, 1, 3, 4), 2),
    lambda: space_to_batch(counting(1, 1, 3, 4), (2, 2), (0, 0, 0, 0)),
    lambda: batch_to_space(counting(6, 1, 2, 2), (2, 2), (0, 0, 0, 0)),
]


@pytest.mark.parametrize("cut", CUTS)
def test_sizes_that_blocks_do_not_divide_are_refused(cut: Callable[[], Tensor]) -> None:
    with pytest.raises(RuntimeError, match=r"invalid for input|divisible"):
        cut()
