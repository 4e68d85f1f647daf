"""A matte beside the truth, and a foreground as its matte shows it."""

import math
from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import pytest
from torch import nn

from pocketmatte.parity import Candidate, compare, compare_all, frame_by_frame
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.runtimes.torch_eager import TorchSession
from tiers.contract import ProgramContract
from tiers.contract_table import contracts
from tiers.ladder import tier

Make = Callable[..., nn.Module]


def test_eight_bits_that_fit_the_truth_worse_fail_though_they_are_near(
    running: Make, running_contract: ProgramContract
) -> None:
    reference = TorchSession(running(), running_contract, 1)
    candidate = TorchSession(running(gain=0.997), running_contract, 1)
    one = {"dimmer": Candidate(recipe="w8a8", sessions={running_contract.name: candidate})}
    sessions, play = {running_contract.name: reference}, frame_by_frame(running_contract)
    bright = np.ones((1, 1, 8, 16), dtype=np.float32)

    frame = np.full((8, 16, 3), 255 / 256, dtype=np.float32)
    frame[0, 0] = 1 / 256  # so that alpha spans something

    def failures(truth: FloatArray) -> tuple[str, ...]:
        found = compare_all(sessions, one, (running_contract,), play, [frame] * 3, lambda _: truth)
        return found["dimmer"][running_contract.name].failures

    assert failures(bright) == ("rise of MAD of alpha is 3.0e-03; the limit is 1.0e-03",)
    assert failures(0 * bright) == ()


class Painting:
    """Gives a matte of the right half, and a foreground with a grey left and right half."""

    facts: ClassVar[Mapping[str, str | int]] = {}

    def __init__(self, contract: ProgramContract, left: float, right: float) -> None:
        self.contract, self.left, self.right = contract, left, right

    def run(self, _: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        outputs = {
            tensor.name: np.linspace(0, 1, math.prod(tensor.shape), dtype=np.float32).reshape(
                tensor.shape
            )
            for tensor in self.contract.outputs
        }
        middle = outputs["alpha"].shape[3] // 2
        outputs["alpha"][..., :middle] = 0
        outputs["foreground"][..., :middle] = self.left
        outputs["foreground"][..., middle:] = self.right
        return outputs

    def close(self) -> None:
        """Nothing is held."""


def test_a_foreground_counts_as_it_shows() -> None:
    (contract,) = contracts(tier("rvm", "t01"))
    frame = np.full((1, 3, *tier("rvm", "t01").output_hw), 0.5, dtype=np.float32)
    reference, unseen, seen = (
        Painting(contract, left, right) for left, right in ((0.5, 0.5), (0.9, 0.5), (0.5, 0.6))
    )
    parity = compare(reference, unseen, contract, "fp16", [frame, frame])
    assert parity.failures == ()
    assert parity.psnr_db["foreground"] is None
    assert parity.free_max_abs["foreground"] == pytest.approx(0.4)
    (failure,) = compare(reference, seen, contract, "fp16", [frame, frame]).failures
    assert failure.startswith("PSNR of foreground is ")
