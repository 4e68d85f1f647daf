"""What ``cost`` counts, on networks small enough to count by hand.

The frame is ``(1, 3, 8, 8)``, 768 bytes; the state ``(1, 2, 8, 8)``, 512 bytes.
"""

import dataclasses

import pytest
import torch
from torch import Tensor, nn

import tiers.cost
from tiers.contract import ProgramContract, StatePair, TensorSpec
from tiers.contract_table import contracts
from tiers.cost import Cost, cost
from tiers.ladder import tier


class Stateful(nn.Module):
    """Add the state to what ``body`` makes of the frame."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, frame: Tensor, r1: Tensor) -> tuple[Tensor, ...]:
        y = self.body(frame)
        return y, y + r1


class TwoChannels(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, :2]


def _tensor(name: str, channels: int) -> TensorSpec:
    return TensorSpec(name=name, shape=(1, channels, 8, 8), low=0.0, high=1.0, meaning="test")


CONTRACT = ProgramContract(
    name="tiny",
    inputs=(_tensor("frame", 3), _tensor("r1", 2)),
    outputs=(_tensor("alpha", 2), _tensor("r1_next", 2)),
    states=(StatePair(input="r1", output="r1_next", reset=0.0),),
    judged=None,
)


def cost_of(monkeypatch: pytest.MonkeyPatch, *body: nn.Module) -> Cost:
    with torch.device("meta"):
        network = Stateful(nn.Sequential(*body)).to("meta")
    monkeypatch.setattr(tiers.cost, "contracts", lambda _: (CONTRACT,))
    monkeypatch.setattr(tiers.cost, "build", lambda _: network)
    monkeypatch.setattr(tiers.cost, "programs", lambda network, _: {"tiny": network})
    # a row of its own: costs are kept by row
    spec = dataclasses.replace(tier("rvm", "t01"), device_class=repr(network))
    return cost(spec)


def test_a_small_network_is_counted_as_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = cost_of(
        monkeypatch, nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1, bias=False)
    )
    assert counted == Cost(
        macs=64 * 4 * 27 + 64 * 2 * 4,
        params=(4 * 27 + 4) + 8,
        state_bytes=512,
        # at the ReLU: frame, state, the convolution's 1024 and the ReLU's own 1024
        peak_activation_bytes=768 + 512 + 1024 + 1024,
    )
    assert counted.gmacs == 7.424e-6


def test_groups_stride_and_dilation_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    depthwise = nn.Conv2d(3, 3, 3, padding=2, dilation=2, groups=3, bias=False)
    halving = nn.Conv2d(3, 2, 2, stride=2, bias=False)
    doubling = nn.Upsample(scale_factor=2)
    counted = cost_of(monkeypatch, depthwise, halving, doubling)
    assert counted.macs == 64 * 3 * 9 + 16 * 2 * 12
    assert counted.params == 27 + 24


def test_statistics_of_batch_norm_are_no_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = cost_of(monkeypatch, nn.BatchNorm2d(3), nn.Conv2d(3, 2, 1, bias=False))
    assert counted.params == 2 * 3 + 6


def test_an_operator_in_place_takes_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = cost_of(monkeypatch, nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 1))
    # at the second convolution: frame, state, 1024 of the first and 512 of its own
    assert counted.peak_activation_bytes == 768 + 512 + 1024 + 512


def test_a_view_takes_no_room_and_keeps_what_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = cost_of(monkeypatch, nn.Conv2d(3, 4, 1), TwoChannels())
    # at the sum: frame, state, the whole 1024 that the view shows half of, and the sum's 512
    assert counted.peak_activation_bytes == 768 + 512 + 1024 + 512


def test_what_is_freed_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = [nn.Conv2d(3, 8, 1), *(nn.Conv2d(8, 8, 1) for _ in range(6)), nn.Conv2d(8, 2, 1)]
    counted = cost_of(monkeypatch, *wide)
    assert counted.peak_activation_bytes == 768 + 512 + 2 * 2048


def test_states_of_t08_are_four_float_maps() -> None:
    elements = 16 * 144 * 256 + 20 * 72 * 128 + 40 * 36 * 64 + 64 * 18 * 32
    assert cost(tier("rvm", "t08")).state_bytes == 4 * elements


def test_every_program_of_a_network_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = tier("propagation", "t01")
    together = cost.__wrapped__(spec).macs
    alone = []
    for contract in contracts(spec):
        monkeypatch.setattr(tiers.cost, "contracts", lambda _, only=contract: (only,))
        alone.append(cost.__wrapped__(spec).macs)
    assert len(alone) == 3
    assert all(alone)
    assert together == sum(alone)
