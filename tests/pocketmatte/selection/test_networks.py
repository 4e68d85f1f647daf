"""What a choice knows of the networks is what ``tiers`` says of them."""

import pytest

from pocketmatte.selection.networks import NETWORKS, PROGRAMS, TIERS
from tiers import contract_table
from tiers.ladder import LADDERS


def test_the_networks_stand_in_the_order_of_the_ladders() -> None:
    assert tuple(LADDERS) == NETWORKS


def test_the_programs_are_those_of_the_contracts() -> None:
    assert dict(PROGRAMS) == dict(contract_table.PROGRAMS)


@pytest.mark.parametrize("network", LADDERS)
def test_the_tiers_are_those_of_the_ladder(network: str) -> None:
    assert tuple(LADDERS[network]) == TIERS
