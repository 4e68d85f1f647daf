import dataclasses

import pytest

from export.own_states import explicit, keeps_own_states, stored_shapes
from tiers.contract_table import contracts
from tiers.ladder import LADDERS, tier


def kept(network: str) -> list[str]:
    described = contracts(tier(network, "t01"))
    return [each.name for each in described if keeps_own_states(each, described)]


def test_only_states_that_no_other_program_takes_live_inside_a_file() -> None:
    found = {network: kept(network) for network in LADDERS}
    assert {network: names for network, names in found.items() if names} == {
        "rvm": ["matte"],
        "stfam": ["matte"],
    }


def test_a_state_that_does_not_begin_at_0_stays_outside() -> None:
    (matte,) = contracts(tier("rvm", "t01"))
    first, *others = matte.states
    changed = dataclasses.replace(matte, states=(dataclasses.replace(first, reset=1.0), *others))
    assert keeps_own_states(matte, (matte,))
    assert not keeps_own_states(changed, (changed,))


@pytest.mark.parametrize("name", ["t01", "t04", "t12"])
def test_states_are_stored_in_widths_that_the_neural_engine_takes(name: str) -> None:
    (matte,) = contracts(tier("rvm", name))
    shapes = {tensor.name: tensor.shape for tensor in matte.inputs}
    stored = stored_shapes(matte)
    assert list(stored) == ["r1", "r2", "r3", "r4"]
    for state, shape in stored.items():
        assert shape[:-1] == shapes[state][:-1]
        assert shape[-1] % 32 == 0
        assert 0 <= shape[-1] - shapes[state][-1] < 32


def test_what_remains_outside_are_frame_and_pictures() -> None:
    inputs, outputs = explicit(contracts(tier("rvm", "t01"))[0])
    assert [tensor.name for tensor in inputs] == ["frame"]
    assert [tensor.name for tensor in outputs] == ["foreground", "alpha"]
