"""What XNNPACK computes in integers is the same to the last bit on every processor.

Decision 12 says where that ends: at an operator of single precision.
"""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from export.program import Captured
from export.quantisation import Quantisation
from export.quantise import graph_of, quantised, rounded_tensors
from export.recipe import recipe
from export.to_executorch import to_executorch
from pocketmatte.native.emulation import CPUS
from pocketmatte.runtimes.arm64 import arm64_executorch, native_executorch
from pocketmatte.runtimes.protocol import FloatArray, Runtime
from tiers.contract import ProgramContract, TensorSpec
from tiers.ladder import tier

# Of what every processor gave when this was written: dense, depthwise and pointwise convolutions.
EXPECTED = "4e79ec3b73aa071e623e0c004853548c22d91173c929d15af3ebbf3368f1aebb"

_SHAPE = (1, 16, 12, 20)
_CONTRACT = ProgramContract(
    name="stack",
    inputs=(TensorSpec(name="frame", shape=_SHAPE, low=0.0, high=1.0, meaning="test"),),
    outputs=(TensorSpec(name="alpha", shape=_SHAPE, low=None, high=None, meaning="test"),),
    states=(),
    judged=None,
)


class Stack(nn.Module):
    """Convolutions of three kinds with weights of whole numbers, nothing drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Conv2d(16, 16, 3, padding=1)
        self.depthwise = nn.Conv2d(16, 16, 5, padding=2, groups=16)
        self.pointwise = nn.Conv2d(16, 16, 1)
        with torch.no_grad():
            for number, parameter in enumerate(self.parameters()):
                count = torch.arange(parameter.numel(), dtype=torch.float32)
                values = ((count * 37 + number * 11) % 101 - 50) / 150
                parameter.copy_(values.reshape(parameter.shape))
        self.requires_grad_(requires_grad=False)

    def forward(self, frame: Tensor) -> Tensor:
        deep = self.depthwise(self.dense(frame).relu()).relu()
        return self.pointwise(deep)  # type: ignore[no-any-return]


def frame() -> FloatArray:
    values = (np.arange(np.prod(_SHAPE), dtype=np.int64) * 7919) % 256
    return (values.astype(np.float32) / np.float32(255)).reshape(_SHAPE)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the stack in eight bits, with spans that are written here."""
    exported = torch.export.export(Stack().eval(), (torch.from_numpy(frame()),))
    spec, eight = tier("rvm", "t01"), recipe("w8a8")
    captured = Captured(exported=exported, contract=_CONTRACT, spec=spec, recipe=eight)
    spans = dict.fromkeys(rounded_tensors(graph_of(captured)), (-2.0, 2.0))
    path = tmp_path_factory.mktemp("integers") / "stack.pte"
    to_executorch(quantised(captured, Quantisation(spans=spans, shifts={})), path, {})
    return path


def digest(runtime: Runtime, file: Path) -> str:
    session = runtime.load(file, _CONTRACT, threads=1)
    try:
        given = session.run({"frame": frame()})["alpha"]
    finally:
        session.close()
    assert len(np.unique(given)) > 20  # of 256 levels: it is no constant
    return hashlib.sha256(given.tobytes()).hexdigest()


def test_this_machine_gives_the_bits_that_are_written_here(host_runner: Path, file: Path) -> None:
    assert digest(native_executorch(host_runner), file) == EXPECTED


@pytest.mark.parametrize("name", CPUS)
def test_every_emulated_processor_gives_them_too(arm_runner: Path, file: Path, name: str) -> None:
    assert digest(arm64_executorch(CPUS[name], arm_runner), file) == EXPECTED
