"""A network is stopped after any frame and gone on with by a fresh instance, to the bit."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from pocketmatte.cut.footage import as_unit, shrunk
from pocketmatte.cut.players import MatAnyone, Player, Propagating, Rvm
from pocketmatte.lockstep import run_of
from pocketmatte.matting.board import Run, Tensors
from pocketmatte.matting.resuming import ResumableRun
from pocketmatte.protocols.protocol import OpenTier
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.runtimes.torch_eager import TorchSession
from tests.pocketmatte.cut.made import Clip, Picture
from tiers.contract_table import contracts
from tiers.errors import MediaError
from tiers.ladder import tier
from tiers.networks import programs
from tiers.weights import network_of, untrained


def run_for(network: str) -> tuple[Run, list[str]]:
    """A way to run a network at t01 with seeded weights, and what was run."""
    spec = tier(network, "t01")
    own = programs(network_of(spec, untrained(spec)), spec)
    run = run_of({c.name: TorchSession(own[c.name], c, 1) for c in contracts(spec)})
    called: list[str] = []

    def noted(program: str, inputs: Mapping[str, FloatArray]) -> Tensors:
        called.append(program)
        return run(program, inputs)

    return noted, called


def opened(network: str, run: Run) -> OpenTier:
    return OpenTier(spec=tier(network, "t01"), run=run, weights=None, network=None)  # type: ignore[arg-type]


def made(network: str, run: Run, frames: list[Picture], mask: Picture) -> Player:
    if network == "rvm":
        return Rvm(opened("rvm", run))
    kind = Propagating if network == "propagation" else MatAnyone
    return kind(opened(network, run), frames[0], as_unit(mask), 2)


@pytest.fixture
def frames(nine: Clip) -> Callable[[str], list[Picture]]:
    def at(network: str) -> list[Picture]:
        return [shrunk(frame, tier(network, "t01").output_hw) for frame in nine.frames]

    return at


@pytest.mark.parametrize("network", ["propagation", "matanyone", "rvm"])
@pytest.mark.parametrize("stop", [1, 4])
def test_going_on_gives_the_same_bits_and_computes_nothing_twice(
    nine: Clip, frames: Callable[[str], list[Picture]], network: str, stop: int
) -> None:
    small = frames(network)
    run, called = run_for(network)
    whole = made(network, run, small, nine.masks[0])
    whole.begin()
    kept: Tensors = {}
    expected = []
    for number, frame in enumerate(small[1:7], start=1):
        expected.append(whole.step(number, frame))
        if number == stop:
            kept = {name: array.copy() for name, array in whole.run.latest.items()}

    fresh = made(network, run, small, nine.masks[0])
    called.clear()
    with fresh.run.standing_in():
        fresh.begin()
        for _ in range(stop):
            fresh.skip()
    assert called == []
    fresh.run.restore(kept)
    for number, frame in enumerate(small[stop + 1 : 7], start=stop + 1):
        assert np.array_equal(fresh.step(number, frame), expected[number - 1]), number


def test_without_the_kept_state_the_bits_differ(
    nine: Clip, frames: Callable[[str], list[Picture]]
) -> None:
    small = frames("propagation")
    run, _ = run_for("propagation")
    whole = made("propagation", run, small, nine.masks[0])
    whole.begin()
    masks = [whole.step(number, frame) for number, frame in enumerate(small[1:4], start=1)]
    fresh = made("propagation", run, small, nine.masks[0])
    fresh.begin()
    assert not np.array_equal(fresh.step(3, small[3]), masks[-1])


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("memory_key_next", np.zeros((1, 2, 3, 4), np.float32)),
        ("memory_key_next", np.zeros((2, 16, 7, 12), np.float64)),
        ("other", np.zeros(1, np.float32)),
    ],
)
def test_a_state_of_another_tier_is_refused(name: str, array: FloatArray) -> None:
    run, _ = run_for("propagation")
    with pytest.raises(MediaError, match=f"the kept state {name} is"):
        ResumableRun(tier("propagation", "t01"), run).restore({name: array})
