"""A small program to reason about, a bundle of one tier to handle, and the command line."""

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pocketmatte.cli import run
from tests.pocketmatte.matted import Matter
from tiers.checkpoint import write_safetensors
from tiers.contract import ProgramContract, StatePair, TensorSpec
from tiers.ladder import tier
from tiers.weights import PLAIN_FORMAT, untrained

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
        judged="alpha",
    )


@dataclasses.dataclass(frozen=True)
class Said:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """What stdout holds, which must be JSON and nothing else."""
        return json.loads(self.out)

    def refusal(self, code: int) -> str:
        """The one line of a command that ended so; stdout must be empty."""
        assert (self.code, self.out) == (code, "")
        (line,) = self.err.splitlines()
        return line.removeprefix("pocketmatte: ")


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Said]]:
    """Return a way to run a command in this process: ``cli("tiers", "--json")``."""

    def call(*words: object) -> Said:
        capfd.readouterr()
        code = run([str(word) for word in words])
        out, err = capfd.readouterr()
        return Said(code, out, err)

    yield call
    torch.set_num_threads(1)


def _write_t01(path: Path, tensors: Mapping[str, Tensor], origin: str) -> Path:
    write_safetensors(
        path,
        tensors,
        {"format": PLAIN_FORMAT, "network": "rvm", "origin": origin, "licence": "Apache-2.0"},
    )
    return path


@pytest.fixture(scope="session")
def t01_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a weight file that fits t01."""
    path = tmp_path_factory.mktemp("weights") / "t01.safetensors"
    return _write_t01(path, untrained(tier("rvm", "t01")).tensors, "seeded for a test")


@pytest.fixture(scope="session")
def zero_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a weight file of zeros that fits t01: alpha is 0 and the foreground the frame."""
    path = tmp_path_factory.mktemp("weights") / "zero.safetensors"
    tensors = untrained(tier("rvm", "t01")).tensors
    return _write_t01(path, {key: torch.zeros_like(v) for key, v in tensors.items()}, "zeros")


@pytest.fixture(scope="session")
def _built(tmp_path_factory: pytest.TempPathFactory, t01_weights: Path) -> Path:
    out = tmp_path_factory.mktemp("built") / "bundle"
    words = [
        "build",
        "--network",
        "rvm",
        "--tier",
        "t01",
        "--format",
        "onnx",
        "--recipe",
        "fp32,fp16",
    ]
    assert run([*words, "--weights", str(t01_weights), "--out", str(out)]) == 0
    torch.set_num_threads(1)
    return out


@pytest.fixture
def bundle(_built: Path, tmp_path: Path) -> Path:
    """Return a fresh copy of a bundle: t01 as ONNX, fp32 and fp16."""
    return shutil.copytree(_built, tmp_path / "bundle")


@pytest.fixture
def matter(cli: Callable[..., Any], t01_weights: Path, tmp_path: Path) -> Matter:
    """Return the matte command at t01, with weights, writing to a folder that is not there yet."""
    return Matter(cli, t01_weights, tmp_path / "out")
