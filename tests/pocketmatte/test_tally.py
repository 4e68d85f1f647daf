import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pytest

from pocketmatte.lockstep import Call
from pocketmatte.parity_figures import Parity
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.tally import Tally
from pocketmatte.tolerances import limits
from tiers.contract import ProgramContract


class Giving:
    """A session that gives the same every time."""

    facts: ClassVar[Mapping[str, str | int]] = {}

    def __init__(self, outputs: Mapping[str, FloatArray]) -> None:
        self.outputs = dict(outputs)

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        assert not inputs
        return self.outputs

    def close(self) -> None:
        """Nothing is held."""


def field(value: float, corner: float) -> FloatArray:
    """Return a map of one value but for its corner."""
    array = np.full((1, 1, 8, 16), value, dtype=np.float32)
    array[..., 0, 0] = corner
    return array


def parity(
    contract: ProgramContract, alpha: FloatArray, r1: FloatArray, *, gain: float = 1, calls: int = 2
) -> Parity:
    """Return what is found of a file whose state is off by a gain."""
    exact = {"alpha": alpha, "r1_next": r1}
    given = {"alpha": alpha, "r1_next": (r1 * gain).astype(np.float32)}
    tally = Tally(contract, Giving(given))
    for _ in range(calls):
        assert tally.run({}) == given
        of_both = (Call(program="running", inputs={}, outputs=each) for each in (exact, given))
        tally.take(*of_both, step=True)
    return tally.parity("fp32", limits("fp32"), recurrent=False)


@pytest.fixture
def feature_contract(running_contract: ProgramContract) -> ProgramContract:
    """Return a contract whose state has no range."""
    alpha, r1_next = running_contract.outputs
    feature = dataclasses.replace(r1_next, low=None, high=None)
    return dataclasses.replace(running_contract, outputs=(alpha, feature))


def test_an_alpha_that_hardly_changes_proves_nothing(running_contract: ProgramContract) -> None:
    message = (
        "alpha spans 0.04 in PyTorch, where it is neither 0 nor 1; "
        "at least 0.05 is needed to prove anything: take other weights"
    )
    state = field(0.2, 0.8)
    assert parity(running_contract, field(0.5, 0.54), state).failures == (message,)
    assert parity(running_contract, field(0.5, 0.56), state).failures == ()
    # one call is a look at the file, no proof
    assert parity(running_contract, field(0.5, 0.5), state, calls=1).failures == ()


def test_values_that_may_have_been_set_are_not_what_alpha_spans(
    running_contract: ProgramContract,
) -> None:
    found = parity(running_contract, field(1.0, 0.0), field(0.2, 0.8))
    assert found.reference_range["alpha"] == (0, 1)
    assert found.failures == (
        "alpha spans 0 in PyTorch, where it is neither 0 nor 1; "
        "at least 0.05 is needed to prove anything: take other weights",
    )


def test_a_feature_is_held_to_its_own_size(
    running_contract: ProgramContract, feature_contract: ProgramContract
) -> None:
    alpha, small = field(0.2, 0.8), field(0.1, 0.05)
    off = parity(feature_contract, alpha, small, gain=0.99)
    assert off.max_abs["r1_next"] == pytest.approx(0.01, rel=1e-3)
    off = parity(running_contract, alpha, small, gain=0.99)
    assert off.max_abs["r1_next"] == pytest.approx(0.001, rel=1e-3)


def test_a_feature_that_carries_nothing_proves_nothing(feature_contract: ProgramContract) -> None:
    alpha = field(0.2, 0.8)
    assert parity(feature_contract, alpha, field(0.1, 0.0995)).failures == (
        "r1_next spans 0.0005 in PyTorch; "
        "at least 0.001 is needed to prove anything: take other weights",
    )
    assert parity(feature_contract, alpha, field(0.1, 0.0985)).failures == ()


def test_the_error_of_every_call_is_kept(running_contract: ProgramContract) -> None:
    exact = {"alpha": field(0.5, 0.9), "r1_next": field(0.2, 0.8)}
    session = Giving(exact)
    tally = Tally(running_contract, session)
    for error in (0.0, 0.1, 0.01234):
        session.outputs = given = {**exact, "alpha": exact["alpha"] + np.float32(error)}
        tally.run({})
        of_both = (Call(program="running", inputs={}, outputs=each) for each in (exact, given))
        tally.take(*of_both, step=False)
    found = tally.parity("fp32", limits("fp32"), recurrent=True)
    assert found.frame_rms == pytest.approx((0.0, 0.1, 0.0123), abs=1e-6)
