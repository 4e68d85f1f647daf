"""The forms that benchmarks compare with compute what our own network computes."""

import pytest
import torch

from benchmarks.published_forms import PublishedMatte
from tests.tiers.test_rvm import SMALL, frame_of, seeded
from tiers.networks.rvm import MatteProgram


@pytest.mark.parametrize(
    ("hw", "ratio"), [((48, 64), 1.0), ((37, 51), 1.0), ((96, 128), 0.5), ((180, 240), 0.25)]
)
def test_two_frames_agree(hw: tuple[int, int], ratio: float) -> None:
    network = seeded(SMALL)
    with torch.inference_mode():
        small = frame_of(int(hw[0] * ratio), int(hw[1] * ratio))
        ours, theirs = MatteProgram(network, ratio), PublishedMatte(network, ratio).eval()
        states = [network.initial_states(small)] * 2
        for seed in range(2):
            found = [
                program(frame_of(*hw, seed=seed), *state)
                for program, state in zip((ours, theirs), states, strict=True)
            ]
            states = [outputs[2:] for outputs in found]
            for ours_now, theirs_now in zip(*found, strict=True):
                assert (ours_now - theirs_now).abs().max() < 2e-5
                assert ours_now.std() > 1e-3


def test_our_network_is_not_touched() -> None:
    network = seeded(SMALL)
    before = [name for name, _ in network.named_modules()]
    PublishedMatte(network, 0.5)
    assert [name for name, _ in network.named_modules()] == before
