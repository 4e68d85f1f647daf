"""Inputs to trace and to measure a program with, made from its contract alone."""

import torch
from torch import Tensor
from torch.nn import functional

from tiers.contract import ProgramContract, TensorSpec

_OCTAVES = 7  # from single elements to shapes 64 across; the coarsest is strongest
_CONTRAST = 0.6  # standard deviation before values are cut to their range: no scene has more


def example_inputs(contract: ProgramContract) -> tuple[Tensor, ...]:
    """Return seeded inputs of a program; see ``drawn``."""
    generator = torch.Generator().manual_seed(0)
    return tuple(drawn(tensor, generator) for tensor in contract.inputs)


def drawn(tensor: TensorSpec, generator: torch.Generator) -> Tensor:
    """Return values that vary from coarse to fine, as a picture's do, with more contrast.

    Returns:
        fp32, contiguous, of the tensor's shape; inside its range, or of unit variance without one.
    """
    *_, height, width = (1, 1, *tensor.shape)
    total = torch.zeros(tensor.shape)
    for octave in range(_OCTAVES):
        size = (max(1, height >> octave), max(1, width >> octave))
        noise = torch.randn((*tensor.shape[:-2], *size), generator=generator)
        fine = functional.interpolate(noise.reshape(1, -1, *size), (height, width), mode="bilinear")
        total += fine.reshape(tensor.shape) * 2**octave
    if total.numel() > 1:
        total /= total.std()
    if tensor.low is None:
        return total
    if tensor.high is None:
        return tensor.low + total.abs()
    middle, span = (tensor.low + tensor.high) / 2, tensor.high - tensor.low
    return (middle + _CONTRAST * span * total).clamp(tensor.low, tensor.high)
