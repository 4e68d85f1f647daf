"""Programs of one operation, lowered to XNNPACK, that small bundles hold."""

import functools

import torch
from torch import Tensor, nn

from tests.adb.small_bundle import SHAPE
from tiers.contract import ProgramContract, TensorSpec


class Times(nn.Module):
    """Multiplies its frame."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, frame: Tensor) -> Tensor:
        return frame * self.factor


@functools.cache
def times(factor: float, *, delegated: bool = True) -> bytes:
    """Return a program that multiplies its frame, in XNNPACK or in a kernel of ExecuTorch."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    exported = torch.export.export(Times(factor).eval(), (torch.zeros(SHAPE),))
    partitioners = [XnnpackPartitioner()] if delegated else []
    lowered = to_edge_transform_and_lower(exported, partitioner=partitioners)
    return bytes(lowered.to_executorch().buffer)


def contract(side: int = 8) -> ProgramContract:
    """Return the contract of such a program, if ``side`` is its width."""

    def tensor(name: str) -> TensorSpec:
        return TensorSpec(name=name, shape=(1, 1, 4, side), low=0.0, high=1.0, meaning="test")

    return ProgramContract(
        name="matte", inputs=(tensor("frame"),), outputs=(tensor("alpha"),), states=(),
        judged="alpha",
    )  # fmt: skip
