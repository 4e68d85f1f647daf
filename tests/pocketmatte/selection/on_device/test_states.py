"""Why a change of tier ends every state: no two tiers beside each other can share theirs."""

import itertools

import pytest

from tiers.contract_table import contracts
from tiers.ladder import LADDERS
from tiers.spec import TierSpec


def states(spec: TierSpec) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all that a network carries from frame to frame."""
    return {
        name: tuple(tensor.shape)
        for contract in contracts(spec)
        for name, tensor in contract.state_inputs.items()
    }


STATEFUL = [name for name, rows in LADDERS.items() if states(rows["t01"])]


def test_some_networks_carry_states() -> None:
    assert "rvm" in STATEFUL
    assert len(STATEFUL) > 2


@pytest.mark.parametrize("name", STATEFUL)
def test_states_of_one_tier_are_no_states_of_the_next(name: str) -> None:
    for lower, higher in itertools.pairwise(LADDERS[name].values()):
        fits = states(lower) == states(higher)
        assert not fits or lower.weights_of != higher.weights_of, f"{lower.name} and {higher.name}"


def test_some_states_would_fit_and_be_wrong() -> None:
    """Shapes alone would not tell: these are features of other weights."""
    lower, higher = LADDERS["stfam"]["t01"], LADDERS["stfam"]["t02"]
    assert states(lower) == states(higher)
    assert (lower.weights_of, higher.weights_of) == ("t01", "t02")
