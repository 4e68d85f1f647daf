"""Operations that move values between space and channels, or space and the batch."""

from collections.abc import Mapping
from types import MappingProxyType

from torch import Tensor
from torch.nn import functional

from pocketmatte.mlprogram.binding import Compute, Ints
from pocketmatte.mlprogram.operations.convolution import padded


def depth_to_space(x: Tensor, block_size: int) -> Tensor:
    """Return blocks made of channels; the place in a block is the slower part of a channel."""
    batch, channels, height, width = x.shape
    less = channels // block_size**2
    blocks = x.reshape(batch, block_size, block_size, less, height, width)
    spread = blocks.permute(0, 3, 4, 1, 5, 2)
    return spread.reshape(batch, less, height * block_size, width * block_size)


def space_to_depth(x: Tensor, block_size: int) -> Tensor:
    """Return what ``depth_to_space`` was given."""
    batch, channels, height, width = x.shape
    rows, columns = height // block_size, width // block_size
    blocks = x.reshape(batch, channels, rows, block_size, columns, block_size)
    gathered = blocks.permute(0, 3, 5, 1, 2, 4)
    return gathered.reshape(batch, channels * block_size**2, rows, columns)


def pixel_shuffle(x: Tensor, upscale_factor: int) -> Tensor:
    """Return blocks made of channels; the place in a block is the faster part of a channel."""
    return functional.pixel_shuffle(x, upscale_factor)


def pixel_unshuffle(x: Tensor, downscale_factor: int) -> Tensor:
    """Return what ``pixel_shuffle`` was given."""
    return functional.pixel_unshuffle(x, downscale_factor)


def space_to_batch(x: Tensor, block_shape: Ints, paddings: Ints) -> Tensor:
    """Return the places of each block as pictures of their own, after a border of zeros."""
    tall, wide = block_shape
    x = padded(x, (0, 0, 0, 0, *paddings), 0.0)
    batch, channels, height, width = x.shape
    blocks = x.reshape(batch, channels, height // tall, tall, width // wide, wide)
    gathered = blocks.permute(3, 5, 0, 1, 2, 4)
    return gathered.reshape(tall * wide * batch, channels, height // tall, width // wide)


def batch_to_space(x: Tensor, block_shape: Ints, crops: Ints) -> Tensor:
    """Return what ``space_to_batch`` was given, after its border was cut off."""
    tall, wide = block_shape
    batch, channels, height, width = x.shape
    less = batch // (tall * wide)
    blocks = x.reshape(tall, wide, less, channels, height, width)
    spread = blocks.permute(2, 3, 4, 0, 5, 1).reshape(less, channels, height * tall, width * wide)
    top, bottom, left, right = crops
    return spread[:, :, top : height * tall - bottom, left : width * wide - right]


OPERATIONS: Mapping[str, Compute] = MappingProxyType(
    {
        "depth_to_space": depth_to_space,
        "space_to_depth": space_to_depth,
        "pixel_shuffle": pixel_shuffle,
        "pixel_unshuffle": pixel_unshuffle,
        "space_to_batch": space_to_batch,
        "batch_to_space": batch_to_space,
    }
)
