"""A program of two tensors and one state, small enough to reason about."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tiers.contract import ProgramContract, StatePair, TensorSpec

_SHAPE = (1, 1, 8, 16)


class Running(nn.Module):
    """Keep a running mean of the frame's red channel; alpha is the mean itself."""

    def __init__(self, gain: float, keep: float, leak: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 1)
        self.keep, self.leak = keep, leak
        with torch.no_grad():
            self.conv.weight.copy_(torch.tensor([gain, 0.0, 0.0]).view(1, 3, 1, 1))
            self.conv.bias.zero_()  # type: ignore[union-attr]
        self.requires_grad_(requires_grad=False)

    def forward(self, frame: Tensor, r1: Tensor) -> tuple[Tensor, Tensor]:
        mean = r1 * self.keep + self.conv(frame) * (1 - self.keep) + self.leak
        return mean * 1.0, mean


@pytest.fixture(scope="session")
def running() -> Callable[..., nn.Module]:
    """Return a maker of the program: ``running(gain=1.0, keep=0.0, leak=0.0)``."""

    def make(gain: float = 1.0, keep: float = 0.0, leak: float = 0.0) -> nn.Module:
        return Running(gain, keep, leak).eval()

    return make


@pytest.fixture(scope="session")
def running_contract() -> ProgramContract:
    """Return the program's contract."""

    def tensor(name: str, shape: tuple[int, ...]) -> TensorSpec:
        return TensorSpec(name=name, shape=shape, low=0.0, high=1.0, meaning="test")

    return ProgramContract(
        name="running",
        inputs=(tensor("frame", (1, 3, 8, 16)), tensor("r1", _SHAPE)),
        outputs=(tensor("alpha", _SHAPE), tensor("r1_next", _SHAPE)),
        states=(StatePair(input="r1", output="r1_next", reset=0.0),),
    )
